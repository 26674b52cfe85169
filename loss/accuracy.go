package loss

import . "github.com/gomlx/gomlx/core/graph"

// ContrastiveAccuracy returns the share of rows of z [M, D] whose most similar
// other row, by cosine, is one of their positives [M, M]: a scalar in [0, 1]. A
// tie with a negative counts as a miss, so collapsed embeddings score 0. All
// M-1 other rows are candidates; the authors' code reports the easier figure
// over the other view's N rows.
func ContrastiveAccuracy(z, positive *Node) *Node {
	z = StopGradient(z)
	s := similarity(unit(z))
	worst := Infinity(z.Graph(), z.DType(), -1)
	negative := LogicalNot(LogicalOr(positive, Diagonal(z.Graph(), z.Shape().Dim(0))))
	hit := GreaterThan(
		ReduceMax(Where(positive, s, worst), -1),
		ReduceMax(Where(negative, s, worst), -1))
	return ReduceAllMean(ConvertDType(hit, z.DType()))
}
