package loss

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Losses.Add("proxy_nca", "proxy neighbourhood component analysis (Movshovitz-Attias et al. 2017)",
		func() Loss { return &ProxyNCA{Scale: 9} })
}

// ProxyNCA is the proxy-based neighbourhood component analysis
// (Movshovitz-Attias et al. 2017, eq. 8). With d the squared Euclidean distance
// between the unit vectors of a row of class y and of the trainable proxy of
// class c, times the scale s,
//
//	l = -ln( exp(-s d_y) / Σ_{c≠y} exp(-s d_c) )
//
// averaged over the rows that have a class; 0 where there is one class only.
// The proxy of y is not in the denominator, so that the loss can be negative.
// Proxies start from N(0, 1), of which only the direction matters. Needs
// labels. Time O(M C D), memory O(M C).
type ProxyNCA struct {
	// Scale is s > 0, no unit. The paper normalises to a length that it does not
	// give; 9, from vectors of length 3, is that of the usual re-implementation.
	Scale float64 `yaml:"scale"`
}

// Validate implements Loss.
func (l *ProxyNCA) Validate() error { return above0("scale", l.Scale) }

// Parameters implements ClassLoss.
func (*ProxyNCA) Parameters(scope *model.Scope, z *Node, classes int) (proxies, bias *Node) {
	return classVectors(scope, z, classes, 1), nil
}

// Graph implements Loss.
func (l *ProxyNCA) Graph(b Batch) *Node {
	member := b.members()
	u, p := unit(b.Z), unit(b.Proxies)
	// -s d = 2 s u·p - s |p|² - s |u|², of which the last cancels.
	length := ReduceSum(Square(p), -1) // [C]: 1, or 0 for a proxy of zeros
	a := MulScalar(Sub(MulScalar(products(u, p), 2.0), ExpandDims(length, 0)), l.Scale)
	rest := LogicalNot(member)
	perRow := Sub(logSumExp(a, rest), picked(member, a))
	return meanWhere(LogicalAnd(LogicalAny(member, -1), LogicalAny(rest, -1)), perRow, b.Weight)
}
