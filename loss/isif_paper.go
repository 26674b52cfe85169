package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("isif_paper", "invariant and spreading instance feature, as the paper writes it (Ye et al. 2019)",
		func() Loss { return &ISIFPaper{Temperature: 0.1} })
}

// ISIFPaper is the loss of invariant and spreading instance features as the
// paper has it (Ye et al. 2019, arXiv 1904.03436). View 0 holds the instances,
// with unit vectors f_i, every other view copies of them, with g_i. Over the m
// instances of the batch,
//
//	P(i|g_i) = exp(f_i·g_i/τ) / Σ_k exp(f_k·g_i/τ)
//	P(i|f_j) = exp(f_i·f_j/τ) / Σ_k exp(f_k·f_j/τ)
//	J_i = -ln P(i|g_i) - Σ_{j≠i} ln(1 - P(i|f_j))
//
// and the loss is the mean of J_i, where the paper writes the sum. The query j
// itself is in the denominator of P(i|f_j): at τ = 0.1 it dominates, and makes
// the spreading part small. The views have unlike roles. The anchors, with
// their weights, are the instances. It needs views. Time O(M² D), memory O(M²).
type ISIFPaper struct {
	// Temperature is τ > 0, no unit; 0.1 in the paper.
	Temperature float64 `yaml:"temperature"`
}

// Validate implements Loss.
func (l *ISIFPaper) Validate() error { return above0("temperature", l.Temperature) }

// Sharpness implements CosineSoftmax.
func (l *ISIFPaper) Sharpness() float64 { return 1 / l.Temperature }

// Graph implements Loss.
func (l *ISIFPaper) Graph(b Batch) *Node {
	if b.View == nil {
		panic(errors.New("isif_paper needs batches of two views, the instances and their copies"))
	}
	s := DivScalar(similarity(unit(b.Z)), l.Temperature) // [M, M]: row the query, column the class
	instance := Equal(b.View, ZerosLike(b.View))         // [M]
	query, class := ExpandDims(instance, -1), ExpandDims(instance, 0)
	fromCopies := LogicalAnd(LogicalNot(query), class) // [M, M]: the candidates of queries g
	fromInstances := LogicalAnd(query, class)          // of queries f

	own := LogicalAnd(b.Positive, fromCopies)
	invariance := Sub(ExpandDims(logSumExp(s, fromCopies), -1), s)
	others := LogicalAnd(b.negatives(), fromInstances)
	perPair := Add(whereOr0(own, invariance), whereOr0(others, mistaken(s, fromInstances)))
	return meanWhere(instance, ReduceSum(perPair, 0), b.Weight)
}
