// Package method holds the learning systems: which views and positives a
// batch has, which layer is the embedding, and the published defaults.
package method

import (
	"github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/internal/registry"
	"alike/optimize"
)

// Layers that an embedding can be taken from.
const (
	LayerH = "h" // the representation h = f(x)
	LayerZ = "z" // the projection z = g(h)
)

// Method is a learning system.
type Method interface {
	Validate() error

	// Views is the number V of augmentations of each image in a batch.
	Views() int

	// Supervised says whether positives come from labels.
	Supervised() bool

	// Positive builds [M, M] booleans: which of the M = V N rows of a batch of N
	// images, in block order, are each other's positives. label [M] int32 is the
	// class of each row, -1 for none; nil unless the method is supervised.
	Positive(g *graph.Graph, images int, label *graph.Node) *graph.Node

	// Layer is the embedding for everything downstream: LayerH or LayerZ.
	Layer() string

	// Defaults is the published recipe for images of side pixels.
	Defaults(side int) Recipe
}

// Recipe is what a paper or its code fixes besides the method itself.
type Recipe struct {
	Method                         Method // with its parameters, where they depend on the size; nil for the registered ones
	Encoder, Head, Loss, Optimizer registry.Choice
	Views                          augment.Config
	Schedule                       optimize.Schedule
	Batch                          int // N, images per step
	PerClass                       int // K, images of each class in a batch; 0 draws without regard to classes
}

// Methods are the registered methods, by name.
var Methods = registry.Registry[Method]{Kind: "method"}
