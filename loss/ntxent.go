package loss

import . "github.com/gomlx/gomlx/core/graph"

func init() {
	Losses.Add("ntxent", "normalised temperature-scaled cross-entropy (Chen et al. 2020, eq. 1)",
		func() Loss { return &NTXent{Temperature: 0.5, L2Normalize: true} })
}

// NTXent is the normalised temperature-scaled cross-entropy loss (Chen et al.
// 2020, eq. 1). The rows of z [M, D] are views; positive [M, M] says which rows
// are the other view of the same image. With s(i,j) the cosine of z_i and z_j,
//
//	l(i,j) = -ln( exp(s(i,j)/τ) / Σ_{k≠i} exp(s(i,k)/τ) )
//
// averaged over the ordered positive pairs, each with its anchor's weight. The
// positive stays in the denominator. Rows need not have unit length. With two
// views it is half of what the authors' code reports, which adds the means
// over each view's anchors. Time O(M² D), memory O(M²).
type NTXent struct {
	// Temperature is τ > 0, no unit; the authors use 0.5 on CIFAR-10, 0.1 on ImageNet.
	Temperature float64 `yaml:"temperature"`

	// L2Normalize makes s the cosine. Without it s is the dot product of the
	// rows, which the paper's ablation runs at τ of 10 and 100 (and finds worse).
	L2Normalize bool `yaml:"l2_normalize"`
}

// Validate implements Loss.
func (l *NTXent) Validate() error { return above0("temperature", l.Temperature) }

// Sharpness implements CosineSoftmax; dot products are no cosines.
func (l *NTXent) Sharpness() float64 {
	if !l.L2Normalize {
		return 0
	}
	return 1 / l.Temperature
}

// Graph implements Loss.
func (l *NTXent) Graph(b Batch) *Node {
	u := b.Z
	if l.L2Normalize {
		u = unit(u) // [M, D]
	}
	s := DivScalar(similarity(u), l.Temperature)                // [M, M]
	perPair := Sub(ExpandDims(logSumExp(s, b.others()), -1), s) // [M, M]: l(i,j) for every j
	return meanWhere(b.Positive, perPair, b.Weight)
}
