package head

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Heads.Add("mlp", "linear, batch norm, ReLU, linear, batch norm: SimCLR's official form",
		func() Head { return &MLP{Out: 128} })
	Heads.Add("bench", "linear, batch norm, ReLU, linear, with biases: common in PyTorch ports",
		func() Head { return &MLP{Out: 128, port: true} })
}

// MLP is SimCLR's projection head with one hidden layer as wide as h, in the
// form of the authors' first code, which the paper's z = W2 ReLU(W1 h)
// simplifies:
//
//	a = BN(h W1)
//	z = BN'(ReLU(a) W2)
//
// W1 [H, H] and W2 [H, Out] have no bias; BN has scale and shift, BN' scale
// only. Parameters: H² + 2H + Out H + Out.
//
// Registered as "bench" it is the form of PyTorch ports and of the script that
// alike's speed is compared with, z = ReLU(BN(h W1 + b1)) W2 + b2.
type MLP struct {
	// Out is the width of z; 128 in the paper.
	Out int `yaml:"dim"`

	port bool
}

// Validate implements Head.
func (m *MLP) Validate() error { return validDim(m.Out) }

// Dim implements Head.
func (m *MLP) Dim(int) int { return m.Out }

// Graph implements Head.
func (m *MLP) Graph(scope *model.Scope, h *Node) *Node {
	a := nn.Linear(scope.In("0"), h, h.Shape().Dim(-1), m.port, nn.Normal(weightStd))
	a = nn.ReLU(nn.BatchNorm(scope.In("1"), a, nn.BatchNormOptions{}))
	z := nn.Linear(scope.In("3"), a, m.Out, m.port, nn.Normal(weightStd))
	if m.port {
		return z
	}
	return nn.BatchNorm(scope.In("4"), z, nn.BatchNormOptions{NoShift: true})
}

func validDim(dim int) error {
	if dim < 1 {
		return fmt.Errorf("dim %d: must be at least 1 (the paper has 128)", dim)
	}
	return nil
}
