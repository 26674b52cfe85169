package loss

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Losses.Add("cross_entropy", "softmax cross entropy of a linear classifier: what the others are compared with",
		func() Loss { return &CrossEntropy{} })
}

// CrossEntropy is the softmax cross entropy of a linear classifier that is
// trained along, the usual supervised loss (Bishop 2006, section 4.3.4). For a
// row of class y, with a weight vector w_c and a bias b_c for each class,
//
//	l = -ln( exp(w_y·z + b_y) / Σ_c exp(w_c·z + b_c) )
//
// averaged over the rows that have a class. Weights start from N(0, 0.01²),
// biases at 0. Needs labels. Time O(M C D), memory O(M C).
type CrossEntropy struct{}

// Validate implements Loss.
func (*CrossEntropy) Validate() error { return nil }

// Parameters implements ClassLoss.
func (*CrossEntropy) Parameters(scope *model.Scope, z *Node, classes int) (proxies, bias *Node) {
	return classVectors(scope, z, classes, 0.01), classBiases(scope, z, classes)
}

// Graph implements Loss.
func (*CrossEntropy) Graph(b Batch) *Node {
	logits := products(b.Z, b.Proxies) // [M, C]
	if b.Bias != nil {
		logits = Add(logits, ExpandDims(b.Bias, 0))
	}
	return b.classification(logits)
}

// classification is the mean softmax cross entropy of logits [M, C] over the
// rows that have a class.
func (b Batch) classification(logits *Node) *Node {
	member := b.members()
	perRow := Sub(logSumExp(logits, OnesLike(member)), picked(member, logits))
	return meanWhere(LogicalAny(member, -1), perRow, b.Weight)
}

// classVectors are trainable vectors [C, D], one a class, from N(0, std²).
func classVectors(scope *model.Scope, z *Node, classes int, std float64) *Node {
	shape := shapes.Make(z.DType(), classes, z.Shape().Dim(-1))
	return nn.Param(scope, "proxies", shape, nn.Normal(std)).NodeValue(z)
}

// classBiases are trainable numbers [C], one a class, from 0.
func classBiases(scope *model.Scope, z *Node, classes int) *Node {
	return nn.Param(scope, "bias", shapes.Make(z.DType(), classes), nn.Constant(0)).NodeValue(z)
}
