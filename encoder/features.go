package encoder

import (
	"fmt"
	"iter"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// FeaturesName is the name of Features.
const FeaturesName = "features"

func init() {
	Encoders.Add(FeaturesName, "no network: h is what a frozen encoder gave, read from a file (train --from-features)",
		func() Encoder { return &Features{} })
}

// Features stands for an encoder that was run before: x [M, D] is h already.
type Features struct {
	// Width is D, the number of values of a vector.
	Width int `yaml:"dim"`
}

// Validate implements Encoder.
func (f *Features) Validate() error {
	if f.Width < 1 {
		return fmt.Errorf("dim %d: must be the number of values of the features; --from-features FILE sets it", f.Width)
	}
	return nil
}

// Dim implements Encoder.
func (f *Features) Dim() int { return f.Width }

// Graph implements Encoder.
func (f *Features) Graph(_ *model.Scope, x *graph.Node) *graph.Node { return x }

// Blocks implements Encoder: there are none.
func (*Features) Blocks() []Block { return nil }

// Outputs implements Encoder.
func (*Features) Outputs(*model.Scope, *graph.Node) iter.Seq[*graph.Node] {
	return func(func(*graph.Node) bool) {}
}
