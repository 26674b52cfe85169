// Package head holds the projection heads g: h -> z of the methods.
package head

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/registry"
)

// Head is a projection head g with the configuration that its exported
// fields hold. It is a description: the weights live in the scope's store.
type Head interface {
	Validate() error

	// Graph returns the projection z [M, Dim(H)] of h [M, H]. The caller gives
	// the head a scope of its own, root.In("head"): its layers are numbered in it
	// as in a torch.nn.Sequential, "0/weight", "1/running_mean" and so on.
	Graph(scope *model.Scope, h *graph.Node) *graph.Node

	// Dim is the width of z where h is inputs wide.
	Dim(inputs int) int
}

// Heads are the registered heads, by name.
var Heads = registry.Registry[Head]{Kind: "head"}

// weightStd is the standard deviation of initial linear weights in the
// authors' code, from N(0, 0.01²).
const weightStd = 0.01
