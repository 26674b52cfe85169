package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("margin_triplet", "margin triplet loss on cosines, semi-hard or all negatives (Schroff et al. 2015; Chen et al. 2020, table 2)",
		func() Loss { return &MarginTriplet{Margin: 0.4, Positives: Easy, Negatives: SemiHard, OtherView: true} })
}

// All counts every negative of an anchor.
const All = "all"

// Which of several positives an anchor takes.
const (
	Easy = "easy" // the most similar one
	Hard = "hard" // the least similar one
)

// MarginTriplet is the triplet loss with a margin (Schroff et al. 2015) on
// cosines, as SimCLR's ablation has it (Chen et al. 2020, table 2). For an
// anchor a with positive p and negative n,
//
//	l(a,n) = max( s_an - s_ap + m, 0 )
//
// With semi-hard mining n is the most similar negative inside the margin that
// is less similar than the positive, s_ap - m < s_an < s_ap; the loss is the
// mean over the anchors that have a positive, and one without such a negative
// contributes 0. With all negatives it is the mean over all triplets, active
// or not. The paper has one positive. An anchor with several takes the most
// similar one (easy positives, Xuan et al. 2020): the least similar one is at first
// below nearly all negatives, so that none would be semi-hard. Taking one keeps the
// cost down: time O(M² D), memory O(M²).
type MarginTriplet struct {
	// Margin is m ≥ 0, a difference of cosines; the authors tried 0, 0.4, 0.8 and 1.6.
	Margin float64 `yaml:"margin"`

	// Positives is easy or hard: the most or the least similar positive, where
	// there are several.
	Positives string `yaml:"positives"`

	// Negatives is semi_hard, which the authors find better, or all.
	Negatives string `yaml:"negatives"`

	// OtherView takes the negatives only of views that do not hold the anchor, as
	// the authors did (appendix B.10).
	OtherView bool `yaml:"other_view"`
}

// Validate implements Loss.
func (l *MarginTriplet) Validate() error {
	return errors.Join(atLeast0("margin", l.Margin), oneOf("positives", l.Positives, Easy, Hard), oneOf("negatives", l.Negatives, SemiHard, All))
}

// Graph implements Loss.
func (l *MarginTriplet) Graph(b Batch) *Node {
	s := similarity(unit(b.Z)) // [M, M]
	negative := b.negatives()
	if l.OtherView {
		negative = b.otherViewNegatives()
	}
	negative = LogicalAnd(negative, ExpandDims(b.anchors(), -1))
	positive := ExpandDims(picked(pick(s, b.Positive), s), -1)
	if l.Positives == Hard {
		positive = ExpandDims(hardPositive(s, b.Positive), -1)
	}
	excess := AddScalar(Sub(s, positive), l.Margin) // [M, M]
	active := GreaterThan(excess, ScalarZero(s.Graph(), s.DType()))
	perTriplet := whereOr0(active, excess)
	if l.Negatives == All {
		return meanWhere(negative, perTriplet, b.Weight)
	}
	semiHard := pick(s, LogicalAnd(negative, LogicalAnd(active, LessThan(s, positive))))
	return meanWhere(b.anchors(), picked(semiHard, perTriplet), b.Weight)
}
