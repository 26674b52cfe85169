package head

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Heads.Add("embedding", "one linear layer: the embedding of metric learning and of ISIF",
		func() Head { return &Embedding{Out: 512} })
}

// Embedding is one linear layer, z = h W + b: the embedding itself where a
// method learns from z, as ICE and ISIF do. Losses and searches bring z to
// unit length. W [H, Out] is drawn with variance 1/H.
type Embedding struct {
	// Out is the width of z; 512 in ICE's sister code, 128 in ISIF's.
	Out int `yaml:"dim"`
	// Bias is whether there is b; ISIF's code has it, ICE's sister code not.
	Bias bool `yaml:"bias"`
}

// Validate implements Head.
func (e *Embedding) Validate() error { return validDim(e.Out) }

// Dim implements Head.
func (e *Embedding) Dim(int) int { return e.Out }

// Graph implements Head.
func (e *Embedding) Graph(scope *model.Scope, h *Node) *Node {
	return nn.Linear(scope.In("0"), h, e.Out, e.Bias, nn.FanIn(h.Shape().Dim(-1)))
}
