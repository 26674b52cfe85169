package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/rng"
)

// Cutout paints a square of the view in one gray value, with probability P (DeVries
// and Taylor 2017). Its middle is any pixel, so that a part of it may lie outside. The
// defaults are theirs for CIFAR-10: always, 16 of 32 pixels. They fill with the mean of
// normalised images, to which middle gray is near.
type Cutout struct {
	P    float64 `yaml:"p"`
	Side float64 `yaml:"side"` // of the square, as a share of the view's
	Fill float64 `yaml:"fill"` // gray value, 0 to 1
}

func init() {
	Augmentations.Add("cutout", "a gray square of half the side, always (DeVries and Taylor 2017)",
		func() Step { return &Cutout{P: 1, Side: 0.5, Fill: 0.5} })
}

// Validate implements Step.
func (c *Cutout) Validate() error {
	errs := []error{checkProbability(c.P)}
	if !(c.Side > 0 && c.Side <= 2) { // a square of twice the side can hide all, whatever its middle
		errs = append(errs, fmt.Errorf("side %g: want the share of the view's side, in (0, 2]", c.Side))
	}
	if !(c.Fill >= 0 && c.Fill <= 1) {
		errs = append(errs, fmt.Errorf("fill %g: must be in [0, 1]", c.Fill))
	}
	return errors.Join(errs...)
}

func (*Cutout) name() string { return "cutout" }

func (c *Cutout) numbers(x []float64) error {
	return set(x, "one, the side of the square as a share of the view's", &c.Side)
}

// draw draws y, then x of the middle. Of a square of even side the middle is the
// pixel right of and below its centre.
func (c *Cutout) draw(w, h int, s *rng.Stream) (d draw) {
	if d.happens = happens(s, c.P); d.happens {
		side := int(math.RoundToEven(c.Side * float64(h)))
		y, x := s.IntN(h)-side/2, s.IntN(w)-side/2
		left, top := max(x, 0), max(y, 0)
		d.rect = Rect{left, top, min(x+side, w) - left, min(y+side, h) - top}
	}
	return d
}

// mirrors: a square drawn for the mirrored view would lie elsewhere.
func (*Cutout) mirrors() bool { return false }

func (c *Cutout) apply(view Planes, size int, d *draw, _ *Scratch) {
	for _, plane := range view {
		for y := range d.rect.H {
			row := plane[(d.rect.Y+y)*size+d.rect.X:][:d.rect.W]
			for x := range row {
				row[x] = float32(c.Fill)
			}
		}
	}
}
