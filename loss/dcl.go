package loss

import . "github.com/gomlx/gomlx/core/graph"

func init() {
	Losses.Add("dcl", "decoupled contrastive loss: NT-Xent whose denominator lacks the positive (Yeh et al. 2022)",
		func() Loss { return &DCL{Temperature: 0.1} })
}

// DCL is the decoupled contrastive loss (Yeh et al. 2022, arXiv 2110.06848, eq.
// 6). With s the cosine and N(a) the anchor's negatives in both views,
//
//	l(a,p) = -s_ap/τ + ln Σ_{n∈N(a)} exp(s_an/τ)
//
// averaged over the ordered positive pairs. Without the positive in the sum the
// gradient does not vanish where the negatives are easy, as NT-Xent's does in small
// batches; the loss has no lower bound of 0. The paper's weights for positives
// (DCLW) are left out. A pair without a negative has the first term only. Time
// O(M² D), memory O(M²).
type DCL struct {
	// Temperature is τ > 0, no unit; 0.1 in the paper's code, 0.07 on CIFAR-10.
	Temperature float64 `yaml:"temperature"`
}

// Validate implements Loss.
func (l *DCL) Validate() error { return above0("temperature", l.Temperature) }

// Sharpness implements CosineSoftmax.
func (l *DCL) Sharpness() float64 { return 1 / l.Temperature }

// Graph implements Loss.
func (l *DCL) Graph(b Batch) *Node {
	s := DivScalar(similarity(unit(b.Z)), l.Temperature) // [M, M]
	perPair := Sub(ExpandDims(logSumExp(s, b.negatives()), -1), s)
	return meanWhere(b.Positive, perPair, b.Weight)
}
