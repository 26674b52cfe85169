package method

import (
	. "github.com/gomlx/gomlx/core/graph"

	"alike/head"
)

// predictor guesses the embedding of one view from that of another: linear,
// batch norm, ReLU, linear to the width of z, with weights of its own.
type predictor struct {
	// Hidden is the width between the layers.
	Hidden int `yaml:"hidden"`
}

func (p predictor) validate() error { return atLeast1("predictor: hidden", p.Hidden) }

// graph returns the predictions [M, D] of z [M, D].
func (p predictor) graph(s *Step, z *Node) *Node {
	q := head.Projector{Layers: 2, Hidden: p.Hidden, Out: z.Shape().Dim(-1)}
	return q.Graph(s.Scope.In("predictor"), z)
}
