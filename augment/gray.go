package augment

import (
	"alike/internal/kernel/pixel"
	"alike/internal/registry"
)

// Gray replaces the colours of a view by gray values with probability P.
type Gray struct {
	P float64 `yaml:"p"`
}

func init() {
	Augmentations.Add("gray", "gray values instead of colours with probability 0.2",
		func() registry.Validator { return &Gray{P: 0.2} })
}

// Validate implements registry.Validator.
func (g Gray) Validate() error { return checkProbability(g.P) }

// Grayscale sets all three components to 0.2989 R + 0.587 G + 0.114 B.
func Grayscale(p Planes) { pixel.Gray(level, p[0], p[1], p[2]) }
