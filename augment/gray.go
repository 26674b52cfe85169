package augment

import (
	"alike/internal/kernel/pixel"
	"alike/internal/rng"
)

// Gray replaces the colours of a view by gray values with probability P.
type Gray struct {
	P float64 `yaml:"p"`
}

func init() {
	Augmentations.Add("gray", "gray values instead of colours with probability 0.2", func() Step { return &Gray{P: 0.2} })
}

// Validate implements Step.
func (g *Gray) Validate() error { return checkProbability(g.P) }

func (*Gray) name() string { return "gray" }

func (g *Gray) numbers(x []float64) error { return set(x, "one, its probability", &g.P) }

func (g *Gray) draw(_, _ int, s *rng.Stream) draw { return draw{happens: happens(s, g.P)} }

func (*Gray) mirrors() bool { return true }

func (*Gray) apply(view Planes, _ int, _ *draw, _ *Scratch) { Grayscale(view) }

// Grayscale sets all three components to 0.2989 R + 0.587 G + 0.114 B.
func Grayscale(p Planes) { pixel.Gray(level, p[0], p[1], p[2]) }
