package loss

import . "github.com/gomlx/gomlx/core/graph"

func init() {
	Losses.Add("npair", "multi-class N-pair loss on dot products (Sohn 2016)",
		func() Loss { return &NPair{Regularization: 0.002} })
}

// NPair is the multi-class N-pair loss (Sohn 2016, eq. 5). With dot products
// of rows that are not normalised, and the negatives n of the views that do
// not hold the anchor,
//
//	l(a,p) = ln( 1 + Σ_n exp(z_a·z_n - z_a·z_p) ) + λ/2 |z_a|²
//
// averaged over the ordered positive pairs, the second term over the rows that
// have a positive. The paper takes one row of each pair as anchor; here both
// are, and weights of 0 for the second view give the paper's form. Without
// views all negatives count. Of unit vectors it is ICE with a scale of 1, so method metric,
// whose head makes them, wants head.l2_normalize=false. Time O(M² D), memory O(M²).
type NPair struct {
	// Regularization is λ ≥ 0, of the squared lengths that nothing else bounds; the
	// paper gives no value, 0.002 is TensorFlow's.
	Regularization float64 `yaml:"regularization"`
}

// Validate implements Loss.
func (l *NPair) Validate() error { return atLeast0("regularization", l.Regularization) }

// Graph implements Loss.
func (l *NPair) Graph(b Batch) *Node {
	perPair := matching(similarity(b.Z), b.otherViewNegatives())
	length := MulScalar(ReduceSum(Square(b.Z), -1), l.Regularization/2) // [M]
	return Add(meanWhere(b.Positive, perPair, b.Weight), meanWhere(b.anchors(), length, b.Weight))
}
