package loss

import (
	"errors"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Losses.Add("arcface", "additive angular margin loss (Deng et al. 2019)",
		func() Loss { return &ArcFace{Scale: 64, Margin: 0.5} })
}

// ArcFace is the additive angular margin loss (Deng et al. 2019, eq. 3). With
// θ_c the angle between a row of class y and the trainable vector of class c,
//
//	l = -ln( exp(s cos(θ_y + m)) / ( exp(s cos(θ_y + m)) + Σ_{c≠y} exp(s cos θ_c) ) )
//
// averaged over the rows that have a class. Beyond θ_y = π - m, where cos(θ_y +
// m) would rise again, it goes on as cos θ_y - m sin m, as in the authors' code.
// Vectors start from N(0, 0.01²), of which only the direction matters. Needs
// labels. Time O(M C D), memory O(M C).
type ArcFace struct {
	// Scale is s > 0, no unit; 64 in the paper.
	Scale float64 `yaml:"scale"`

	// Margin is m in radians, from 0 to π; 0.5 in the paper.
	Margin float64 `yaml:"margin"`
}

// Validate implements Loss.
func (l *ArcFace) Validate() error {
	var margin error
	if !(l.Margin >= 0 && l.Margin <= math.Pi) {
		margin = fmt.Errorf("margin %g: must be from 0 to π radians", l.Margin)
	}
	return errors.Join(above0("scale", l.Scale), margin)
}

// Parameters implements ClassLoss.
func (*ArcFace) Parameters(scope *model.Scope, z *Node, classes int) (proxies, bias *Node) {
	return classVectors(scope, z, classes, 0.01), nil
}

// Graph implements Loss.
func (l *ArcFace) Graph(b Batch) *Node {
	member := b.members()
	cos := products(unit(b.Z), unit(b.Proxies))                     // [M, C]
	sin := root(Mul(AddScalar(Neg(cos), 1.0), AddScalar(cos, 1.0))) // of θ in [0, π]
	rising := LessThan(cos, Scalar(cos.Graph(), cos.DType(), -math.Cos(l.Margin)))
	withMargin := Where(rising,
		AddScalar(cos, -l.Margin*math.Sin(l.Margin)),
		Sub(MulScalar(cos, math.Cos(l.Margin)), MulScalar(sin, math.Sin(l.Margin))))
	return b.classification(MulScalar(Where(member, withMargin, cos), l.Scale))
}
