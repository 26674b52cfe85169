package method

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/loss"
)

// Scope is the scope, below the root, of what a method learns or remembers beside the network.
const Scope = "method"

// Objective is a Method whose objective is no loss of one batch's embeddings
// alone: it runs a second network, predicts one view from another, or remembers
// earlier steps.
type Objective interface {
	Method

	// Objective builds the scalar loss of a step, and returns the online network's
	// embeddings z [V N, D] in block order. What the method learns are trainable
	// variables below the step's scope; what it remembers are others, which it gives
	// their values after the step. Checkpoints hold both.
	Objective(s *Step) (loss, z *Node)
}

// Step is a training step of N images in V views, in building.
type Step struct {
	Scope *model.Scope // of the method's own variables; the encoder's are at the root

	Views *Node // [V N, size, size, 3], values in [0, 1], in block order
	Label *Node // [V N] int32, the class of each row, -1 for none
	Index *Node // [V N] int32, which training image each row shows
	Done  *Node // float32, the share of the schedule that was done before this step

	Images int // N
	Total  int // training images

	// Network is g(f(x)) [M, D] of x [M, size, size, 3] with the weights below a scope,
	// which are drawn there if there are none.
	Network func(scope *model.Scope, x *Node) *Node

	// Loss is the configured loss of a batch.
	Loss func(loss.Batch) *Node
}

// View returns the rows of view v of x [V N, ...].
func (s *Step) View(x *Node, v int) *Node {
	return Slice(x, AxisRange(v*s.Images, (v+1)*s.Images))
}

// Online embeds x with the network that is trained.
func (s *Step) Online(x *Node) *Node { return s.Network(s.Scope.Store().RootScope(), x) }
