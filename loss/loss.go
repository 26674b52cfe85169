// Package loss holds the objectives: pure functions of the embeddings and of
// who is whose positive, each written once as a graph in the float type of z.
package loss

import (
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/registry"
)

// Loss is an objective with the configuration that its exported fields hold.
type Loss interface {
	Validate() error

	// Graph returns the scalar loss of the embeddings z [M, D]. The bool matrix
	// positive [M, M] says which rows are positives of each anchor, never the
	// anchor itself; every other row is its negative. weight [M] ≥ 0 weighs the
	// anchors in the mean, and nil is 1 for all; a row of weight 0 is no anchor but
	// remains a candidate for the others. Like all graph building it panics on
	// shapes that do not fit.
	Graph(z, positive, weight *Node) *Node
}

// Losses are the registered losses, by name.
var Losses = registry.Registry[Loss]{Kind: "loss"}

// ViewPositives returns the positives [V N, V N] of N images in V views
// stacked in blocks, view v of image i in row v N + i: the other views of the
// same image.
func ViewPositives(g *Graph, images, views int) *Node {
	same := Diagonal(g, images)
	rows := make([]*Node, views)
	for i := range rows {
		rows[i] = same
	}
	block := Concatenate(rows, 0)
	for i := range rows {
		rows[i] = block
	}
	tiled := Concatenate(rows, 1)
	return LogicalAnd(tiled, LogicalNot(Diagonal(g, images*views)))
}

// minSquaredNorm is below any squared norm that a direction can be read from.
const minSquaredNorm = 1e-24

// unit returns u [M, D] with u_i = z_i / sqrt(max(|z_i|², 1e-24)). A row of
// zeros has no direction: it stays zero, and since the quotient's slope there,
// 1e12, would wreck the network, it gets no gradient.
func unit(z *Node) *Node {
	squared := ReduceSum(Square(z), -1) // [M]
	tiny := LessThan(squared, Scalar(z.Graph(), z.DType(), minSquaredNorm))
	norm := Sqrt(MaxScalar(squared, minSquaredNorm))
	return Div(Where(tiny, StopGradient(z), z), ExpandDims(norm, -1))
}

// similarity returns s [M, M] with s_ij = u_i . u_j, symmetric.
func similarity(u *Node) *Node { return MatMul(u, Transpose(u, 0, 1)) }

// logSumExp returns [M] with ln Σ_j exp(a_ij) over the candidates of row i,
// stable for any a. Others are left out of both value and gradient. Every row
// must have a candidate.
func logSumExp(a, candidates *Node) *Node {
	a = Where(candidates, a, Infinity(a.Graph(), a.DType(), -1))
	top := StopGradient(ReduceAndKeep(a, ReduceMax, -1)) // [M, 1]
	return Add(Squeeze(top, -1), Log(ReduceSum(Exp(Sub(a, top)), -1)))
}

// meanWhere returns Σ_ij w_i x_ij / Σ_ij w_i over the entries of x [M, M] that
// mask holds; weight [M] may be nil for w = 1.
func meanWhere(mask, x, weight *Node) *Node {
	w := ConvertDType(mask, x.DType())
	if weight != nil {
		w = Mul(w, ExpandDims(ConvertDType(weight, x.DType()), -1))
	}
	return Div(ReduceAllSum(Mul(w, x)), ReduceAllSum(w))
}
