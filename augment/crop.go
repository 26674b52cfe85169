package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/rng"
)

// Crop cuts a random rectangle out of the image and resizes it to the view.
//
// The sampler "torchvision" draws the area A' uniformly and the aspect ratio r (width
// over height) uniformly in its logarithm, up to 10 times, until a rectangle of
// round(√(A'·r)) by round(√(A'/r)) pixels fits; otherwise it takes the largest
// central rectangle whose ratio is in range. This is "uniform in area", the paper's
// wording.
//
// The sampler "tensorflow" is the authors' code: r uniform, the height an integer
// uniform between those that give the smallest and the largest area, up to 100 times;
// otherwise the whole image. The side is uniform, not the area, so that small crops
// are more frequent. (Its kernel never draws the last position of a rectangle, for
// want of a +1; here every position is as likely.)
//
// The sampler "side" is "torchvision" with √A' uniform instead of A': the crop of ICE,
// whose scale is that of the side (0.5 to 1 are 25 to 100 % of the area).
//
// With Square the image counts as if it had been resized to a square first, its aspect
// ratio not kept: Ratio is that of the rectangle in the square. What is cut out of the
// image is resampled once, not twice.
type Crop struct {
	Sampler string     `yaml:"sampler"` // torchvision, tensorflow or side
	Area    [2]float64 `yaml:"area"`    // smallest and largest share of the image's area
	Ratio   [2]float64 `yaml:"ratio"`   // smallest and largest width over height
	Square  bool       `yaml:"square"`  // take the image as a square
	Filter  `yaml:",inline"`
}

func defaultCrop() *Crop {
	return &Crop{
		Sampler: "torchvision",
		Area:    [2]float64{0.08, 1},
		Ratio:   [2]float64{3.0 / 4, 4.0 / 3},
		Filter:  defaultFilter(),
	}
}

func init() {
	Augmentations.Add("crop", "random crop of 8 to 100 % of the area, ratio 3/4 to 4/3, resized to the view",
		func() Step { return defaultCrop() })
}

// Validate implements Step.
func (c *Crop) Validate() error {
	var errs []error
	if c.Sampler != "torchvision" && c.Sampler != "tensorflow" && c.Sampler != "side" {
		errs = append(errs, fmt.Errorf("sampler %q: have side, tensorflow, torchvision", c.Sampler))
	}
	if !(c.Area[0] > 0 && c.Area[0] <= c.Area[1] && c.Area[1] <= 1) {
		errs = append(errs, fmt.Errorf("area %g: want the smallest and the largest share, in (0, 1]", c.Area))
	}
	if !(c.Ratio[0] > 0 && c.Ratio[0] <= c.Ratio[1] && c.Ratio[1] <= math.MaxFloat32) {
		errs = append(errs, fmt.Errorf("ratio %g: want the smallest and the largest width over height, above 0", c.Ratio))
	}
	return errors.Join(append(errs, c.Filter.Validate())...)
}

// Rect is a rectangle of W by H pixels whose upper left one is (X, Y).
type Rect struct{ X, Y, W, H int }

func (*Crop) name() string { return "crop" }

func (c *Crop) numbers(x []float64) error {
	if len(x) == 1 {
		x = append(x, 1)
	}
	return set(x, "one or two, the smallest and the largest share of the area (the latter 1 unless given)", &c.Area[0], &c.Area[1])
}

func (c *Crop) draw(w, h int, s *rng.Stream) draw {
	return draw{happens: true, rect: c.rect(w, h, s)}
}

// rect draws the rectangle to cut out of an image of w by h pixels.
func (c *Crop) rect(w, h int, s *rng.Stream) Rect {
	if !c.Square || w == h {
		return c.sample(w, h, s)
	}
	// The square has the longer side: rounding to pixels of the image comes last.
	side := max(w, h)
	r := c.sample(side, side, s)
	x, cw := fit(r.X, r.W, side, w)
	y, ch := fit(r.Y, r.H, side, h)
	return Rect{x, y, cw, ch}
}

// fit is the part [from, from+n) of a side of `side` pixels on one of w, at least a pixel.
func fit(from, n, side, w int) (int, int) {
	scaled := func(x int) int { return int(math.RoundToEven(float64(x) * float64(w) / float64(side))) }
	start := min(scaled(from), w-1)
	return start, max(scaled(from+n)-start, 1)
}

func (c *Crop) sample(w, h int, s *rng.Stream) Rect {
	if c.Sampler == "tensorflow" {
		return c.tensorflow(w, h, s)
	}
	return c.torchvision(w, h, s)
}

// torchvision draws, for each attempt, the area and the ratio; then y and x.
func (c *Crop) torchvision(w, h int, s *rng.Stream) Rect {
	const attempts = 10
	low, high := math.Log(c.Ratio[0]), math.Log(c.Ratio[1])
	for range attempts {
		area := c.share(s) * float64(w) * float64(h)
		ratio := math.Exp(uniform(s, low, high))
		cw := int(math.RoundToEven(math.Sqrt(area * ratio)))
		ch := int(math.RoundToEven(math.Sqrt(area / ratio)))
		if 0 < cw && cw <= w && 0 < ch && ch <= h {
			return place(cw, ch, w, h, s)
		}
	}
	return central(w, h, c.Ratio)
}

// share draws the share of the area.
func (c *Crop) share(s *rng.Stream) float64 {
	if c.Sampler == "side" {
		side := uniform(s, math.Sqrt(c.Area[0]), math.Sqrt(c.Area[1]))
		return side * side
	}
	return uniform(s, c.Area[0], c.Area[1])
}

// central is the largest rectangle in the middle of the image with a ratio in range.
func central(w, h int, ratio [2]float64) Rect {
	cw, ch := w, h
	switch r := float64(w) / float64(h); {
	case r < ratio[0]:
		ch = clamp(int(math.RoundToEven(float64(w)/ratio[0])), 1, h)
	case r > ratio[1]:
		cw = clamp(int(math.RoundToEven(float64(h)*ratio[1])), 1, w)
	}
	return Rect{(w - cw) / 2, (h - ch) / 2, cw, ch}
}

// tensorflow draws, for each attempt, the ratio and the height; then y and x.
func (c *Crop) tensorflow(w, h int, s *rng.Stream) Rect {
	const attempts = 100
	smallest, largest := c.Area[0]*float64(w)*float64(h), c.Area[1]*float64(w)*float64(h)
	for range attempts {
		ratio := uniform(s, c.Ratio[0], c.Ratio[1])
		width := func(height int) int { return int(math.RoundToEven(float64(height) * ratio)) }
		most := int(math.RoundToEven(math.Sqrt(largest / ratio)))
		if width(most) > w {
			const less = 1e-7 // the largest height that rounds to at most w
			most = int((float64(w) + 0.5 - less) / ratio)
		}
		most = min(most, h)
		ch := min(int(math.RoundToEven(math.Sqrt(smallest/ratio))), most)
		ch += s.IntN(most - ch + 1)

		// One pixel of height more or less may bring the area back into range.
		if float64(ch*width(ch)) < smallest {
			ch++
		}
		if float64(ch*width(ch)) > largest {
			ch--
		}
		cw := width(ch)
		area := float64(cw * ch)
		if smallest <= area && area <= largest && 0 < cw && cw <= w && 0 < ch && ch <= h {
			return place(cw, ch, w, h, s)
		}
	}
	return Rect{0, 0, w, h}
}

// place draws the position of a rectangle of cw by ch pixels: y, then x.
func place(cw, ch, w, h int, s *rng.Stream) Rect {
	y := s.IntN(h - ch + 1)
	x := s.IntN(w - cw + 1)
	return Rect{x, y, cw, ch}
}

// uniform draws from [low, high).
func uniform(s *rng.Stream, low, high float64) float64 { return low + (high-low)*s.Float64() }

func clamp(x, low, high int) int { return max(low, min(x, high)) }
