package loss

import . "github.com/gomlx/gomlx/core/graph"

func init() {
	Losses.Add("contrastive", "contrastive loss: positives attract, negatives repel up to a margin (Hadsell et al. 2006)",
		func() Loss { return &Contrastive{Margin: 1} })
}

// Contrastive is the contrastive loss (Hadsell et al. 2006, eq. 4). With D the
// Euclidean distance of unit vectors,
//
//	positive pairs: l = 1/2 D²
//	negative pairs: l = 1/2 max(0, m - D)²
//
// and the loss is the mean over the ordered positive pairs plus the mean over
// the ordered negative pairs. The paper neither normalises the rows, which
// keeps the margin's meaning here, nor averages: it sums over a list of pairs.
// Coinciding negatives repel in no direction and have no gradient. Time
// O(M² D), memory O(M²).
type Contrastive struct {
	// Margin is m > 0, a distance; unit vectors are at most 2 apart. 1 is our choice.
	Margin float64 `yaml:"margin"`
}

// Validate implements Loss.
func (l *Contrastive) Validate() error { return above0("margin", l.Margin) }

// Graph implements Loss.
func (l *Contrastive) Graph(b Batch) *Node {
	u := unit(b.Z)
	length := ReduceSum(Square(u), -1) // [M]: 1, or 0 for a row of zeros
	squared := Sub(Add(ExpandDims(length, -1), ExpandDims(length, 0)), MulScalar(similarity(u), 2.0))
	near := MulScalar(squared, 0.5) // [M, M]
	gap := AddScalar(Neg(root(squared)), l.Margin)
	far := MulScalar(Square(whereOr0(GreaterThan(gap, ScalarZero(u.Graph(), u.DType())), gap)), 0.5)
	return Add(meanWhere(b.Positive, near, b.Weight), meanWhere(b.negatives(), far, b.Weight))
}
