package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// CheckpointParam is the root parameter of a model.Store that says, as a bool,
// whether Block forgets what it computes.
const CheckpointParam = "checkpoint_blocks"

// Block returns f(x), a block of a network. Under gradient checkpointing (Chen
// et al. 2016) only x and f(x) are kept for the backward pass, which computes
// what lies between once more: less memory for up to one more forward pass, the
// same values.
func Block(scope *model.Scope, x *Node, f func(x *Node) *Node) *Node {
	if !model.GetRootParamOr(scope.Store(), CheckpointParam, false) || !scope.IsTraining(x.Graph()) {
		return f(x)
	}
	return f(x.Checkpoint()).StopCheckpoint()
}
