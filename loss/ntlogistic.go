package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("ntlogistic", "normalised temperature-scaled logistic loss (Chen et al. 2020, table 2)",
		func() Loss { return &NTLogistic{Temperature: 0.5, Negatives: SemiHard, OtherView: true} })
}

// Which negatives of an anchor count, and how.
const (
	Mean     = "mean"      // the mean over all
	SemiHard = "semi_hard" // the most similar one that is less similar than the positive
)

// NTLogistic is the normalised temperature-scaled logistic loss of SimCLR's
// ablation (Chen et al. 2020, table 2). With s the cosine and σ the logistic
// function, a positive p and a negative n of the anchor a give
//
//	l_a = -ln σ(s_ap/τ) - ln σ(-s_an/τ)
//
// averaged over the anchors that have a positive. With several positives the
// first term is their mean. How several negatives combine is not stated: the
// second term is their mean or sum, or that of the semi-hard one, the most
// similar negative that is less similar than the positive (the least similar
// positive where there are several), which may not exist. Time O(M² D),
// memory O(M²).
type NTLogistic struct {
	// Temperature is τ > 0, no unit; the authors tried 0.1, 0.2, 0.5 and 1.
	Temperature float64 `yaml:"temperature"`

	// Negatives is semi_hard, which the authors find better, mean or sum.
	Negatives string `yaml:"negatives"`

	// OtherView takes the negatives only of views that do not hold the anchor, as
	// the authors did (appendix B.10).
	OtherView bool `yaml:"other_view"`
}

// Validate implements Loss.
func (l *NTLogistic) Validate() error {
	return errors.Join(above0("temperature", l.Temperature), oneOf("negatives", l.Negatives, SemiHard, Mean, Sum))
}

// Graph implements Loss.
func (l *NTLogistic) Graph(b Batch) *Node {
	s := DivScalar(similarity(unit(b.Z)), l.Temperature) // [M, M]
	negative := b.negatives()
	if l.OtherView {
		negative = b.otherViewNegatives()
	}
	near, far := meanOfRow(b.Positive, softplus(Neg(s))), softplus(s)
	switch l.Negatives {
	case SemiHard:
		below := LessThan(s, ExpandDims(hardPositive(s, b.Positive), -1))
		far = picked(pick(s, LogicalAnd(negative, below)), far)
	case Sum:
		far = picked(negative, far)
	default:
		far = meanOfRow(negative, far)
	}
	return meanWhere(b.anchors(), Add(near, far), b.Weight)
}

// hardPositive returns [M] with the least similarity of each anchor to a
// positive, or 0.
func hardPositive(s, positive *Node) *Node { return picked(pick(Neg(s), positive), s) }
