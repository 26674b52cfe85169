// Package encoder holds the backbones f: x -> h that methods train.
package encoder

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/registry"
)

// Encoder is a backbone f with the configuration that its exported fields
// hold. It is a description: the weights live in the scope's store.
type Encoder interface {
	Validate() error

	// Graph returns the representation h [M, Dim()] of images x [M, S, S, 3]
	// with values in [0, 1]. Its parameters are in scope under torchvision's
	// names, or Caffe's for what torchvision lacks. In training its batch norms use and update their statistics.
	Graph(scope *model.Scope, x *graph.Node) *graph.Node

	// Dim is the width of h.
	Dim() int
}

// Encoders are the registered encoders, by name.
var Encoders = registry.Registry[Encoder]{Kind: "encoder"}
