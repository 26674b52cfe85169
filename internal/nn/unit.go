package nn

import . "github.com/gomlx/gomlx/core/graph"

// minSquaredNorm is below any squared norm that a direction can be read from.
const minSquaredNorm = 1e-24

// Unit returns u [M, D] with u_i = z_i / sqrt(max(|z_i|², 1e-24)). A row of
// zeros has no direction: it stays zero, and since the quotient's slope there,
// 1e12, would wreck the network, it gets no gradient.
func Unit(z *Node) *Node {
	squared := ReduceSum(Square(z), -1) // [M]
	tiny := LessThan(squared, Scalar(z.Graph(), z.DType(), minSquaredNorm))
	norm := Sqrt(MaxScalar(squared, minSquaredNorm))
	return Div(Where(tiny, StopGradient(z), z), ExpandDims(norm, -1))
}
