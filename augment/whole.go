package augment

import (
	"errors"

	"alike/internal/rng"
)

// Whole resizes the whole image to the view; it does not keep the aspect ratio. It is
// for ablations without a crop, and draws nothing.
type Whole struct {
	Filter `yaml:",inline"`
}

func init() {
	Augmentations.Add("resize", "the whole image resized to the view, its aspect ratio not kept",
		func() Step { return &Whole{defaultFilter()} })
}

func (*Whole) name() string { return "resize" }

func (*Whole) numbers([]float64) error {
	return errors.New("want none: the view's size is that of the run")
}

func (*Whole) draw(w, h int, _ *rng.Stream) draw { return draw{happens: true, rect: Rect{0, 0, w, h}} }
