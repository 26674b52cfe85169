package head

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Heads.Add("none", "z = h", func() Head { return &None{} })
}

// None is no head: z = h, the third arm of SimCLR's ablation.
type None struct{}

// Validate implements Head.
func (*None) Validate() error { return nil }

// Dim implements Head.
func (*None) Dim(inputs int) int { return inputs }

// Graph implements Head.
func (*None) Graph(_ *model.Scope, h *Node) *Node { return h }
