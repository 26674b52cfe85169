package augment

import (
	"alike/internal/registry"
	"alike/internal/rng"
)

// Flip mirrors the view, left to right, with probability P. It costs nothing: the
// horizontal weights of the resize are mirrored instead.
type Flip struct {
	P float64 `yaml:"p"`
}

func init() {
	Augmentations.Add("flip", "mirrored left to right with probability 0.5",
		func() registry.Validator { return &Flip{P: 0.5} })
}

// Validate implements registry.Validator.
func (f Flip) Validate() error { return checkProbability(f.P) }

// happens draws whether an event of probability p takes place. It always draws once.
func happens(s *rng.Stream, p float64) bool { return s.Float64() < p }
