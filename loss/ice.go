package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("ice", "instance cross entropy: every pair of a class is matched among the anchor's negatives (Wang et al. 2019)",
		func() Loss { return &ICE{Scale: 64, Reduction: MeanPairs} })
}

// How the losses of pairs become one number.
const (
	MeanPairs   = "mean_pairs"   // divide by the number of ordered positive pairs
	MeanAnchors = "mean_anchors" // mean over an anchor's positives, then over the anchors that have one
	Sum         = "sum"          // divide by nothing
)

// ICE is instance cross entropy (Wang et al. 2019, arXiv 1911.09976). For an
// anchor a, one of its positives i and all its negatives N(a), with S the
// cosine and s the scale,
//
//	p(i|a) = exp(s S_ai) / ( exp(s S_ai) + Σ_{n∈N(a)} exp(s S_an) )
//	l(a,i) = -ln p(i|a)
//
// and the loss is the mean of l over all ordered positive pairs. Each pair has
// a matching distribution of its own: the anchor's other positives are not in
// the denominator. The gradient weighs examples by how badly they match,
//
//	dl/dS_ai = -s (1 - p(i|a))    dl/dS_an = s p(n|a;i)
//
// so that s sets how far hard examples stand out. With one positive an anchor
// it is NT-Xent of temperature 1/s. The paper's own reduction is not known.
// Time O(M² D), memory O(M²).
type ICE struct {
	// Scale is s > 0, no unit; 64 is remembered as the paper's, which tried 16 to 80.
	Scale float64 `yaml:"scale"`

	// Reduction is mean_pairs, mean_anchors or sum. The means agree where all
	// classes have as many rows.
	Reduction string `yaml:"reduction"`

	// UnitGradient divides the loss by s, so that s only weighs the examples and
	// does not multiply the gradient: the other reading of the paper.
	UnitGradient bool `yaml:"unit_gradient"`
}

// Validate implements Loss.
func (l *ICE) Validate() error {
	return errors.Join(above0("scale", l.Scale), oneOf("reduction", l.Reduction, MeanPairs, MeanAnchors, Sum))
}

// Sharpness implements CosineSoftmax.
func (l *ICE) Sharpness() float64 { return l.Scale }

// Graph implements Loss.
func (l *ICE) Graph(b Batch) *Node {
	s := MulScalar(similarity(unit(b.Z)), l.Scale) // [M, M]
	perPair := matching(s, b.negatives())
	if l.UnitGradient {
		perPair = DivScalar(perPair, l.Scale)
	}
	switch l.Reduction {
	case MeanAnchors:
		return meanWhere(b.anchors(), meanOfRow(b.Positive, perPair), b.Weight)
	case Sum:
		sum, _ := sumWhere(b.Positive, perPair, b.Weight)
		return sum
	default:
		return meanWhere(b.Positive, perPair, b.Weight)
	}
}
