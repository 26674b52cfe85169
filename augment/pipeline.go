package augment

import (
	"fmt"
	"image"

	"alike/dataset"
	"alike/internal/kernel/pixel"
	"alike/internal/rng"
)

// Pipeline makes views of one size. It is read-only: goroutines may share it.
type Pipeline struct {
	config Config
	size   int
}

// New returns the pipeline for views of size by size pixels.
func New(c Config, size int) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("augment: %w", err)
	}
	if size < 1 {
		return nil, fmt.Errorf("augment: views of %d pixels: want at least 1", size)
	}
	return &Pipeline{c, size}, nil
}

// Scratch is working memory for views, kept from one to the next so that making them
// allocates nothing once it has grown. Its zero value is ready. Goroutines must not
// share one.
type Scratch struct {
	across, down pixel.Taps
	weight       []float32 // of one row of the vertical pass
	mid          []float32 // the crop after the horizontal pass, plane after plane
	planes       []float32

	half   []float64 // of the blur kernel
	smooth []float32
	line   []float32 // a row with zeros on both sides
	padded []float32 // a plane with zeros above and below
}

// View writes a view of img to dst, rows top to bottom, pixels interleaved:
// size*size*3 values in [0,1]. It draws from s, in this order:
//
//  1. crop: for each attempt what the sampler says; then y, x of the crop that fits
//  2. flip: whether
//  3. jitter: whether; then the order, the amounts of brightness, contrast,
//     saturation and hue
//  4. gray: whether
//  5. blur: whether; then sigma
//
// "Whether" is drawn even if the probability is 0 or 1.
func (p *Pipeline) View(dst []float32, img dataset.Image, s *rng.Stream, buf *Scratch) {
	d := p.draw(img.Width, img.Height, s)
	p.apply(dst, img, &d, buf)
}

// Region is the part of an image of w by h pixels that the view of this stream is
// made of. It draws the first of what View draws: reset the stream in between.
func (p *Pipeline) Region(w, h int, s *rng.Stream) image.Rectangle {
	r := p.config.Crop.draw(w, h, s)
	return image.Rect(r.X, r.Y, r.X+r.W, r.Y+r.H)
}

// draws is all that is random in a view.
type draws struct {
	crop     Rect
	flip     bool
	jittered bool
	jitter   jitterDraw
	gray     bool
	blurred  bool
	sigma    float64
}

func (p *Pipeline) draw(w, h int, s *rng.Stream) (d draws) {
	c := &p.config
	d.crop = c.Crop.draw(w, h, s)
	d.flip = happens(s, c.Flip.P)
	if d.jittered = happens(s, c.Jitter.P); d.jittered {
		d.jitter = c.Jitter.draw(s)
	}
	d.gray = happens(s, c.Gray.P)
	if d.blurred = happens(s, c.Blur.P); d.blurred {
		d.sigma = uniform(s, c.Blur.Sigma[0], c.Blur.Sigma[1])
	}
	return d
}

// apply makes the view; nothing in it is random.
func (p *Pipeline) apply(dst []float32, img dataset.Image, d *draws, buf *Scratch) {
	n := p.size * p.size
	f := p.config.Crop.Filter
	f.taps(&buf.across, d.crop.W, p.size, 0, p.size, d.flip)
	f.taps(&buf.down, d.crop.H, p.size, 0, p.size, false)
	view := buf.resample(img, d.crop)
	if d.jittered {
		p.config.Jitter.apply(view, &d.jitter)
	}
	if d.gray {
		Grayscale(view)
	}
	if d.blurred {
		blur(view, p.size, d.sigma, buf)
	}
	pixel.Interleave(level, dst[:3*n], view[0], view[1], view[2])
}

// resample makes planes of the pixels of img within r, by the taps that buf holds.
func (buf *Scratch) resample(img dataset.Image, r Rect) Planes {
	w, h := len(buf.across.First), len(buf.down.First)
	buf.mid = grow(buf.mid, 3*w*r.H)
	mid := split(buf.mid)
	for y := range r.H {
		row := img.Pix[3*((r.Y+y)*img.Width+r.X):]
		i := y * w
		pixel.Across(level, mid[0][i:i+w], mid[1][i:i+w], mid[2][i:i+w], row, &buf.across)
	}
	buf.planes = grow(buf.planes, 3*w*h)
	planes := split(buf.planes)
	buf.weight = grow(buf.weight, buf.down.Count)
	for y := range h {
		first := rowWeights(buf.weight, &buf.down, y, 1.0/255)
		for c, plane := range planes {
			pixel.Down(level, plane[y*w:][:w], mid[c][first*w:], w, buf.weight)
		}
	}
	return planes
}

// split cuts x into three planes.
func split(x []float32) Planes {
	n := len(x) / 3
	return Planes{x[:n:n], x[n : 2*n : 2*n], x[2*n:]}
}
