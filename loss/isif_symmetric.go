package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("isif_symmetric", "invariant and spreading instance feature, as the authors' code has it (Ye et al. 2019)",
		func() Loss { return &ISIFSymmetric{Temperature: 0.1, StopGradient: true, Invariance: 1, Spreading: 1} })
}

// ISIFSymmetric is the loss of invariant and spreading instance features as
// the authors' code has it (Ye et al. 2019, arXiv 1904.03436): every row of
// both views is a query, which is left out of its own denominator. With unit
// vectors u,
//
//	P_ij = exp(u_i·u_j/τ) / Σ_{k≠i} exp(u_i·u_k/τ)
//	l_i  = -α ln P_{i,p(i)} - β Σ_{j∈N(i)} ln(1 - P_ij)
//
// averaged over the rows that have a positive p(i), α = β = 1. The first part is NT-Xent;
// with several positives it is their mean. The code adds ln(1 - P) of the
// positive and subtracts it again, which is NaN once P rounds to 1; here it is
// left out. Its multiplier negM is 1. Time O(M² D), memory O(M²).
type ISIFSymmetric struct {
	// Temperature is τ > 0, no unit; 0.1 in paper and code.
	Temperature float64 `yaml:"temperature"`

	// StopGradient makes the second factor u_j of every product a constant, as the
	// code does: a row learns only as a query. The full gradient is not
	// proportional to it.
	StopGradient bool `yaml:"stop_gradient"`

	// Invariance is α ≥ 0, the weight of the first part. Paper and code have 1; 0 is an ablation.
	Invariance float64 `yaml:"invariance"`

	// Spreading is β ≥ 0, the weight of the second part. Paper and code have 1; 0 is an ablation.
	Spreading float64 `yaml:"spreading"`
}

// Validate implements Loss.
func (l *ISIFSymmetric) Validate() error {
	return errors.Join(above0("temperature", l.Temperature), atLeast0("invariance", l.Invariance), atLeast0("spreading", l.Spreading))
}

// Sharpness implements CosineSoftmax.
func (l *ISIFSymmetric) Sharpness() float64 { return 1 / l.Temperature }

// Graph implements Loss.
func (l *ISIFSymmetric) Graph(b Batch) *Node {
	u := unit(b.Z) // [M, D]
	right := u
	if l.StopGradient {
		right = StopGradient(u)
	}
	s := DivScalar(products(u, right), l.Temperature) // [M, M]
	others := b.others()
	near := meanOfRow(b.Positive, Sub(ExpandDims(logSumExp(s, others), -1), s))
	far := picked(b.negatives(), mistaken(s, others))
	perRow := Add(MulScalar(near, l.Invariance), MulScalar(far, l.Spreading))
	return meanWhere(b.anchors(), perRow, b.Weight)
}
