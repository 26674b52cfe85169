// Package encoder holds the backbones f: x -> h that methods train.
package encoder

import (
	"fmt"
	"iter"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/internal/registry"
)

// Encoder is a backbone f with the configuration that its exported fields
// hold. It is a description: the weights live in the scope's store.
type Encoder interface {
	Validate() error

	// Graph returns the representation h [M, Dim()] of images x [M, S, S, 3]
	// with values in [0, 1], the average over pixels of the last block's output. Its
	// parameters are in scope under torchvision's names, or Caffe's for what
	// torchvision lacks. In training its batch norms use and update their statistics.
	Graph(scope *model.Scope, x *graph.Node) *graph.Node

	// Dim is the width of h.
	Dim() int

	// Blocks are the parts of the network, from the images to h; none where x is h.
	Blocks() []Block

	// Outputs builds the network block by block and yields what each gives, [M, H, W,
	// Dim] for images x, in the order of Blocks. What is not asked for is not built.
	Outputs(scope *model.Scope, x *graph.Node) iter.Seq[*graph.Node]
}

// Block is a part of a network.
type Block struct {
	Name string
	Dim  int // channels of its output
}

// Encoders are the registered encoders, by name.
var Encoders = registry.Registry[Encoder]{Kind: "encoder"}

// Find returns the place of a block among e.Blocks, or -1.
func Find(e Encoder, name string) int {
	return slices.IndexFunc(e.Blocks(), func(b Block) bool { return b.Name == name })
}

// Pooled returns the average over pixels of the output of block i, [M, Dim] of that
// block. Of the last block it is h.
func Pooled(e Encoder, scope *model.Scope, x *graph.Node, i int) *graph.Node {
	for y := range e.Outputs(scope, x) {
		if i == 0 {
			return nn.GlobalAvgPool(y)
		}
		i--
	}
	panic(fmt.Errorf("encoder: it has %d blocks fewer than were asked for", i+1))
}

// representation is h.
func representation(e Encoder, scope *model.Scope, x *graph.Node) *graph.Node {
	return Pooled(e, scope, x, len(e.Blocks())-1)
}
