package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/rng"
)

// Rotate turns the view about its middle with probability P. With Degrees 0 it is a
// quarter, a half or three quarters of a turn, each as likely: the transformation of
// SimCLR's ablation (figures 4 and 5). Otherwise the angle is uniform between -Degrees
// and Degrees, counter-clockwise, values are interpolated linearly and pixels beyond
// the border are 0. The probability is ours, for want of a released one.
type Rotate struct {
	P       float64 `yaml:"p"`
	Degrees float64 `yaml:"degrees"` // largest angle; 0 for quarters of a turn
}

func init() {
	Augmentations.Add("rotate", "one to three quarters of a turn, or up to some degrees, with probability 0.5",
		func() Step { return &Rotate{P: 0.5} })
}

// Validate implements Step.
func (r *Rotate) Validate() error {
	err := checkProbability(r.P)
	if !(r.Degrees >= 0 && r.Degrees <= 180) {
		err = errors.Join(err, fmt.Errorf("degrees %g: want the largest angle, up to 180, or 0 for quarters of a turn", r.Degrees))
	}
	return err
}

func (*Rotate) name() string { return "rotate" }

func (r *Rotate) numbers(x []float64) error {
	return set(x, "one, the largest angle in degrees", &r.Degrees)
}

// draw draws the number of quarters, or the angle in degrees.
func (r *Rotate) draw(_, _ int, s *rng.Stream) (d draw) {
	if d.happens = happens(s, r.P); d.happens {
		if r.Degrees == 0 {
			d.amount = float64(1 + s.IntN(3))
		} else {
			d.amount = uniform(s, -r.Degrees, r.Degrees)
		}
	}
	return d
}

// mirrors: a mirrored view would turn the other way.
func (*Rotate) mirrors() bool { return false }

func (r *Rotate) apply(view Planes, size int, d *draw, buf *Scratch) {
	buf.spare = grow(buf.spare, size*size)
	for _, plane := range view {
		copy(buf.spare, plane)
		if r.Degrees == 0 {
			turnQuarters(plane, buf.spare, size, int(d.amount))
		} else {
			turn(plane, buf.spare, size, d.amount)
		}
	}
}

// turnQuarters turns src counter-clockwise by quarters in 1..3.
func turnQuarters(dst, src []float32, size, quarters int) {
	last := size - 1
	for y := range size {
		for x := range size {
			fromX, fromY := last-y, x
			switch quarters {
			case 2:
				fromX, fromY = last-x, last-y
			case 3:
				fromX, fromY = y, last-x
			}
			dst[y*size+x] = src[fromY*size+fromX]
		}
	}
}

// turn turns src counter-clockwise by degrees.
func turn(dst, src []float32, size int, degrees float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	middle := float64(size-1) / 2
	at := func(x, y int) float32 {
		if x < 0 || x >= size || y < 0 || y >= size {
			return 0
		}
		return src[y*size+x]
	}
	for y := range size {
		for x := range size {
			dx, dy := float64(x)-middle, float64(y)-middle
			fromX := middle + (float64(cos*dx) - float64(sin*dy))
			fromY := middle + (float64(sin*dx) + float64(cos*dy))
			left, top := math.Floor(fromX), math.Floor(fromY)
			a, b := float32(fromX-left), float32(fromY-top)
			l, t := int(left), int(top)
			upper := float32((1-a)*at(l, t)) + float32(a*at(l+1, t))
			lower := float32((1-a)*at(l, t+1)) + float32(a*at(l+1, t+1))
			dst[y*size+x] = float32((1-b)*upper) + float32(b*lower)
		}
	}
}
