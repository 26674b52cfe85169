package augment

import (
	"errors"

	"alike/internal/rng"
)

// Noise adds to each value of the view a Gaussian of its own, with probability P, and
// clips. The standard deviation is uniform in Sigma, one for each view. One of the
// transformations of SimCLR's ablation (figures 4 and 5), whose settings were never
// released: the defaults are ours.
type Noise struct {
	P     float64    `yaml:"p"`
	Sigma [2]float64 `yaml:"sigma"` // smallest and largest, of values in 0..1
}

func init() {
	Augmentations.Add("noise", "Gaussian noise of up to 0.2 with probability 0.5",
		func() Step { return &Noise{P: 0.5, Sigma: [2]float64{0, 0.2}} })
}

// Validate implements Step.
func (n *Noise) Validate() error {
	return errors.Join(checkProbability(n.P), checkRange("sigma", n.Sigma, 0, 10))
}

func (*Noise) name() string { return "noise" }

func (n *Noise) numbers(x []float64) error {
	return set(x, "two, the smallest and the largest standard deviation", &n.Sigma[0], &n.Sigma[1])
}

// draw draws the standard deviation, then the key of the stream that apply draws the
// values from: a view has thousands, and fewer draws here keep steps apart.
func (n *Noise) draw(_, _ int, s *rng.Stream) (d draw) {
	if d.happens = happens(s, n.P); d.happens {
		d.amount = uniform(s, n.Sigma[0], n.Sigma[1])
		d.seed = s.Uint64()
	}
	return d
}

// mirrors: the noise would be mirrored, too.
func (*Noise) mirrors() bool { return false }

func (*Noise) apply(view Planes, _ int, d *draw, buf *Scratch) {
	if buf.noise == nil {
		buf.noise = rng.New()
	}
	buf.noise.Reset(rng.Noise, d.seed)
	for _, plane := range view {
		for i, x := range plane {
			plane[i] = unit(x + float32(d.amount*buf.noise.NormFloat64()))
		}
	}
}
