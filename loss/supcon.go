package loss

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Losses.Add("supcon", "supervised contrastive loss, form out or in (Khosla et al. 2020)",
		func() Loss { return &SupCon{Temperature: 0.1, Form: SupConOut} })
}

// Forms of SupCon.
const (
	SupConOut = "out" // the mean over the positives is outside the logarithm
	SupConIn  = "in"  // and inside
)

// SupCon is the supervised contrastive loss (Khosla et al. 2020, eq. 2 and 3).
// With s the cosine and P(a) the positives of anchor a,
//
//	q_ap = exp(s_ap/τ) / Σ_{k≠a} exp(s_ak/τ)
//	out: l_a = -1/|P(a)| Σ_{p∈P(a)} ln q_ap
//	in:  l_a = -ln( 1/|P(a)| Σ_{p∈P(a)} q_ap )
//
// averaged over the anchors that have a positive. The other positives are in
// the denominator, so that out is never below ln |P(a)|. The authors' code also
// multiplies by τ/0.07, which is left out, and divides by all rows, which is an
// option. With one positive an anchor both forms are NT-Xent. Time O(M² D),
// memory O(M²).
type SupCon struct {
	// Temperature is τ > 0, no unit; 0.1 in the paper.
	Temperature float64 `yaml:"temperature"`

	// Form is out, which the paper finds better and uses, or in.
	Form string `yaml:"form"`

	// AllRows divides by all rows, with or without a positive, as the authors' code does.
	AllRows bool `yaml:"all_rows"`
}

// Validate implements Loss.
func (l *SupCon) Validate() error {
	return errors.Join(above0("temperature", l.Temperature), oneOf("form", l.Form, SupConOut, SupConIn))
}

// Sharpness implements CosineSoftmax.
func (l *SupCon) Sharpness() float64 { return 1 / l.Temperature }

// Graph implements Loss.
func (l *SupCon) Graph(b Batch) *Node {
	s := DivScalar(similarity(unit(b.Z)), l.Temperature) // [M, M]
	total := logSumExp(s, b.others())                    // [M]
	var perAnchor *Node
	if l.Form == SupConIn {
		positives := MaxScalar(count(b.Positive, s.DType()), 1.0)
		perAnchor = Add(Sub(total, logSumExp(s, b.Positive)), Log(positives))
	} else {
		perAnchor = meanOfRow(b.Positive, Sub(ExpandDims(total, -1), s))
	}
	anchors := b.anchors()
	if !l.AllRows {
		return meanWhere(anchors, perAnchor, b.Weight)
	}
	return meanWhere(OnesLike(anchors), whereOr0(anchors, perAnchor), b.Weight)
}
