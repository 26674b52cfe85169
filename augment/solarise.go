package augment

import (
	"errors"
	"fmt"

	"alike/internal/rng"
)

// Solarise replaces every value x of at least Threshold by 1-x, with probability P, as
// film exposed too long. SimCLR does not have it; the defaults are those of BYOL's
// second view (Grill et al. 2020, appendix B).
type Solarise struct {
	P         float64 `yaml:"p"`
	Threshold float64 `yaml:"threshold"`
}

func init() {
	Augmentations.Add("solarise", "values from 0.5 on inverted with probability 0.2 (Grill et al. 2020)",
		func() Step { return &Solarise{P: 0.2, Threshold: 0.5} })
}

// Validate implements Step.
func (o *Solarise) Validate() error {
	err := checkProbability(o.P)
	if !(o.Threshold >= 0 && o.Threshold <= 1) {
		err = errors.Join(err, fmt.Errorf("threshold %g: must be in [0, 1]", o.Threshold))
	}
	return err
}

func (*Solarise) name() string { return "solarise" }

func (o *Solarise) numbers(x []float64) error { return set(x, "one, its threshold", &o.Threshold) }

func (o *Solarise) draw(_, _ int, s *rng.Stream) draw { return draw{happens: happens(s, o.P)} }

func (*Solarise) mirrors() bool { return true }

func (o *Solarise) apply(view Planes, _ int, _ *draw, _ *Scratch) {
	threshold := float32(o.Threshold)
	for _, plane := range view {
		for i, x := range plane {
			if x >= threshold {
				plane[i] = 1 - x
			}
		}
	}
}
