package augment

import (
	"slices"

	"alike/internal/rng"
)

// Flip mirrors the view, left to right, with probability P. Where the steps before it
// do the same to a mirrored view it costs nothing: the horizontal weights of the crop
// are mirrored instead.
type Flip struct {
	P float64 `yaml:"p"`
}

func init() {
	Augmentations.Add("flip", "mirrored left to right with probability 0.5", func() Step { return &Flip{P: 0.5} })
}

// Validate implements Step.
func (f *Flip) Validate() error { return checkProbability(f.P) }

func (*Flip) name() string { return "flip" }

func (f *Flip) numbers(x []float64) error { return set(x, "one, its probability", &f.P) }

func (f *Flip) draw(_, _ int, s *rng.Stream) draw { return draw{happens: happens(s, f.P)} }

func (*Flip) mirrors() bool { return true }

func (*Flip) apply(view Planes, size int, _ *draw, _ *Scratch) {
	for _, plane := range view {
		for row := range slices.Chunk(plane, size) {
			slices.Reverse(row)
		}
	}
}

// happens draws whether an event of probability p takes place. It always draws once.
func happens(s *rng.Stream, p float64) bool { return s.Float64() < p }
