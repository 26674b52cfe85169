package loss

import . "github.com/gomlx/gomlx/core/graph"

func init() {
	Losses.Add("isif_symmetric", "invariant and spreading instance feature, as the authors' code has it (Ye et al. 2019)",
		func() Loss { return &ISIFSymmetric{Temperature: 0.1, StopGradient: true} })
}

// ISIFSymmetric is the loss of invariant and spreading instance features as
// the authors' code has it (Ye et al. 2019, arXiv 1904.03436): every row of
// both views is a query, which is left out of its own denominator. With unit
// vectors u,
//
//	P_ij = exp(u_i·u_j/τ) / Σ_{k≠i} exp(u_i·u_k/τ)
//	l_i  = -ln P_{i,p(i)} - Σ_{j∈N(i)} ln(1 - P_ij)
//
// averaged over the rows that have a positive p(i). The first part is NT-Xent;
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
}

// Validate implements Loss.
func (l *ISIFSymmetric) Validate() error { return above0("temperature", l.Temperature) }

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
	return meanWhere(b.anchors(), Add(near, far), b.Weight)
}
