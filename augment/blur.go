package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/pixel"
	"alike/internal/rng"
)

// Blur smooths the view with probability P by a Gaussian whose standard deviation is
// uniform in Sigma, in pixels, one for each view (the paper's reading; the authors'
// code draws one for a batch). The kernel spans a tenth of the view's height. Pixels
// beyond the border are zero, as in the authors' code.
type Blur struct {
	P     float64    `yaml:"p"`
	Sigma [2]float64 `yaml:"sigma"` // smallest and largest, pixels
}

func defaultBlur() *Blur { return &Blur{P: 0.5, Sigma: [2]float64{0.1, 2}} }

func init() {
	Augmentations.Add("blur", "Gaussian blur of 0.1 to 2 pixels with probability 0.5, over a tenth of the side",
		func() Step { return defaultBlur() })
}

// Validate implements Step.
func (b *Blur) Validate() error {
	err := checkProbability(b.P)
	if !(b.Sigma[0] > 0 && b.Sigma[0] <= b.Sigma[1] && b.Sigma[1] <= math.MaxFloat32) {
		err = errors.Join(err, fmt.Errorf("sigma %g: want the smallest and the largest, above 0", b.Sigma))
	}
	return err
}

func (*Blur) name() string { return "blur" }

func (b *Blur) numbers(x []float64) error {
	return set(x, "two, the smallest and the largest standard deviation in pixels (its probability is p=0.5)", &b.Sigma[0], &b.Sigma[1])
}

func (b *Blur) draw(_, _ int, s *rng.Stream) (d draw) {
	if d.happens = happens(s, b.P); d.happens {
		d.amount = uniform(s, b.Sigma[0], b.Sigma[1])
	}
	return d
}

func (*Blur) mirrors() bool { return true }

func (*Blur) apply(view Planes, size int, d *draw, buf *Scratch) { blur(view, size, d.amount, buf) }

// blurRadius is the number of taps on each side for views of a height in pixels.
func blurRadius(height int) int { return height / 10 / 2 }

// GaussianKernel returns the 2·radius+1 weights exp(-x²/2σ²), scaled to sum 1, with
// radius = ⌊⌊height/10⌋/2⌋: 23 for 224 pixels, 3 for 32.
func GaussianKernel(height int, sigma float64) []float64 {
	radius := blurRadius(height)
	half := gaussian(make([]float64, radius+1), sigma)
	w := make([]float64, 2*radius+1)
	for k, v := range half {
		w[radius-k], w[radius+k] = v, v
	}
	return w
}

// gaussian fills half with the weights at distances 0, 1, ... of a kernel that
// reaches equally far on the other side.
func gaussian(half []float64, sigma float64) []float64 {
	sum := -1.0
	for k := range half {
		x := float64(k) / sigma
		half[k] = math.Exp(-x * x / 2)
		sum += 2 * half[k]
	}
	for k := range half {
		half[k] /= sum
	}
	return half
}

// negligible is a weight that, even for all taps of a 224-pixel kernel, changes
// nothing in the precision of float32.
const negligible = 1e-9

// blur smooths planes of size by size pixels, horizontally, then vertically.
func blur(p Planes, size int, sigma float64, buf *Scratch) {
	buf.half = grow(buf.half, blurRadius(size)+1)
	w := buf.smooth[:0]
	for _, v := range gaussian(buf.half, sigma) {
		if v < negligible {
			break
		}
		w = append(w, float32(v))
	}
	buf.smooth = w
	reach := len(w) - 1

	buf.line = grow(buf.line, size+2*reach)
	clear(buf.line)
	buf.padded = grow(buf.padded, (size+2*reach)*size)
	above, rest := buf.padded[:reach*size], buf.padded[reach*size:]
	middle, below := rest[:size*size], rest[size*size:]
	clear(above)
	clear(below)
	for _, plane := range p {
		for y := range size {
			copy(buf.line[reach:], plane[y*size:][:size])
			pixel.Smooth(level, middle[y*size:][:size], buf.line, reach, 1, w)
		}
		for y := range size {
			pixel.Smooth(level, plane[y*size:][:size], buf.padded, (reach+y)*size, size, w)
		}
	}
}
