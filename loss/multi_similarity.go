package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("multi_similarity", "multi-similarity loss with its pair mining (Wang et al. 2019, CVPR)",
		func() Loss { return &MultiSimilarity{Alpha: 2, Beta: 50, Base: 1, Mining: true, Epsilon: 0.1} })
}

// MultiSimilarity is the multi-similarity loss (Wang, Han, Huang, Dong and
// Scott 2019, arXiv 1904.06627, eq. 15). With s the cosine,
//
//	l_a = 1/α ln( 1 + Σ_{p∈P(a)} exp(-α (s_ap - λ)) ) + 1/β ln( 1 + Σ_{n∈N(a)} exp(β (s_an - λ)) )
//
// averaged over all rows. Mining (eq. 11 and 12) keeps of an anchor's pairs the
// negatives with s_an > min_p s_ap - ε and the positives with s_ap < max_n s_an
// + ε; pairs of an anchor without a positive, or without a negative, are all
// dropped. Time O(M² D), memory O(M²).
type MultiSimilarity struct {
	// Alpha and Beta are α, β > 0, how sharply positives and negatives count, no
	// unit; 2 and 50 in the paper.
	Alpha float64 `yaml:"alpha"`
	Beta  float64 `yaml:"beta"`

	// Base is λ, a cosine; 1 in the paper, 0.5 in its code.
	Base float64 `yaml:"base"`

	// Mining selects pairs, with the margin ε, a difference of cosines; 0.1 in the paper.
	Mining  bool    `yaml:"mining"`
	Epsilon float64 `yaml:"epsilon"`
}

// Validate implements Loss.
func (l *MultiSimilarity) Validate() error {
	return errors.Join(above0("alpha", l.Alpha), above0("beta", l.Beta), finite("base", l.Base), finite("epsilon", l.Epsilon))
}

// Graph implements Loss.
func (l *MultiSimilarity) Graph(b Batch) *Node {
	s := similarity(unit(b.Z)) // [M, M]
	positive, negative := b.Positive, b.negatives()
	if l.Mining {
		worst := Infinity(s.Graph(), s.DType(), 1)
		leastPositive := ReduceMin(Where(positive, StopGradient(s), worst), -1) // [M]
		mostNegative := ReduceMax(Where(negative, StopGradient(s), Neg(worst)), -1)
		negative = LogicalAnd(negative, GreaterThan(s, ExpandDims(AddScalar(leastPositive, -l.Epsilon), -1)))
		positive = LogicalAnd(positive, LessThan(s, ExpandDims(AddScalar(mostNegative, l.Epsilon), -1)))
	}
	centred := AddScalar(s, -l.Base)
	near := DivScalar(logOnePlusSumExp(MulScalar(centred, -l.Alpha), positive), l.Alpha)
	far := DivScalar(logOnePlusSumExp(MulScalar(centred, l.Beta), negative), l.Beta)
	return meanWhere(OnesLike(b.anchors()), Add(near, far), b.Weight)
}
