package head

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Heads.Add("linear", "one linear layer and batch norm without shift: SimCLR's ablation",
		func() Head { return &Linear{Out: 128} })
}

// Linear is the linear head of SimCLR's ablation, z = BN'(h W): W [H, Out] has
// no bias and the batch norm no shift.
type Linear struct {
	// Out is the width of z; 128 in the paper.
	Out int `yaml:"dim"`
}

// Validate implements Head.
func (l *Linear) Validate() error { return validDim(l.Out) }

// Dim implements Head.
func (l *Linear) Dim(int) int { return l.Out }

// Graph implements Head.
func (l *Linear) Graph(scope *model.Scope, h *Node) *Node {
	z := nn.Linear(scope.In("0"), h, l.Out, false, nn.Normal(weightStd))
	return nn.BatchNorm(scope.In("1"), z, nn.BatchNormOptions{NoShift: true})
}
