// Package loss holds the objectives: pure functions of the embeddings and of
// who is whose positive, each written once as a graph in the float type of z.
package loss

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/registry"
)

// Loss is an objective with the configuration that its exported fields hold.
type Loss interface {
	Validate() error

	// Graph returns the scalar loss of a batch. Where there is nothing to average
	// it is 0. Like all graph building it panics on shapes that do not fit, and on a
	// batch that lacks what the loss's documentation asks for.
	Graph(b Batch) *Node
}

// ClassLoss is a loss that compares embeddings with trainable parameters of
// the classes. It stays a pure function: whoever trains it asks for the
// parameters once a step and hands them over in the batch.
type ClassLoss interface {
	Loss

	// Parameters returns Proxies and Bias of a batch with embeddings z [M, D]: the
	// scope's variables, created where they do not exist. Bias may be nil.
	Parameters(scope *model.Scope, z *Node, classes int) (proxies, bias *Node)
}

// CosineSoftmax is a loss in which an anchor's candidates compete by exp(Sharpness s),
// with s their cosines.
type CosineSoftmax interface {
	Loss

	// Sharpness is 1/τ, or the scale; 0 where the candidates do not compete so.
	Sharpness() float64
}

// Losses are the registered losses, by name.
var Losses = registry.Registry[Loss]{Kind: "loss"}

// Batch is what a loss sees: M rows, and what is known of them. Nodes are of
// one graph. Only Z and Positive are always there; a ClassLoss reads Label
// instead of Positive.
type Batch struct {
	// Z [M, D] holds the embeddings, of any length.
	Z *Node

	// Positive [M, M] bool says which rows are positives of each anchor, never the
	// anchor itself; every other row is its negative. ViewPositives makes it of
	// views, LabelPositives of labels.
	Positive *Node

	// Weight [M] ≥ 0 weighs the anchors in the mean, and nil is 1 for all. A row of
	// weight 0 is no anchor but remains a candidate for the others.
	Weight *Node

	// View [M] int32 says which view of its image a row is, from 0; nil where there
	// is one view of each. BlockViews makes it.
	View *Node

	// Label [M] int32 is the class of each row from 0 to C-1, or -1 for a row without.
	Label *Node

	// Proxies [C, D] and Bias [C] are the parameters of a ClassLoss.
	Proxies, Bias *Node
}
