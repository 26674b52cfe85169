package method

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/head"
	"alike/optimize"
)

func init() {
	Methods.Add("barlow", "Barlow Twins: the cross-correlation of two views' features is the identity (Zbontar et al. 2021)",
		func() Method { return &BarlowTwins{Redundancy: 0.0051} })
}

// BarlowTwins makes the D features of two views agree and be independent of each
// other (Zbontar et al. 2021, arXiv 2103.03230, eq. 1 and 2). With â the z of view
// 0, less their mean over the images and divided by √(variance + 1e-5), b̂ those of view 1,
//
//	C_ij = 1/N Σ_n â_ni b̂_nj
//	l = Σ_i (1 - C_ii)² + λ Σ_i Σ_{j≠i} C_ij²
//
// It has no negatives. Time O(N D²), memory O(D²).
type BarlowTwins struct {
	twoViews `yaml:"-"`

	// Redundancy is λ ≥ 0; 0.0051 in the authors' code, 0.005 in the paper.
	Redundancy float64 `yaml:"redundancy"`
}

// Validate implements Method.
func (b *BarlowTwins) Validate() error { return atLeast0("redundancy", b.Redundancy) }

// Objective implements Objective.
func (b *BarlowTwins) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	standard := func(x *Node) *Node {
		x, variance := centred(x)
		return Div(x, Sqrt(AddScalar(variance, 1e-5)))
	}
	c := products(standard(s.View(z, 0)), standard(s.View(z, 1)), float64(s.Images)) // [D, D]
	own := diagonal(c)
	agree := Where(own, Square(AddScalar(c, -1)), ZerosLike(c))
	rest := Where(own, ZerosLike(c), Square(c))
	return Add(ReduceAllSum(agree), MulScalar(ReduceAllSum(rest), b.Redundancy)), z
}

// centred returns x [N, D] less its mean over the rows, and its population
// variance [1, D].
func centred(x *Node) (y, variance *Node) {
	y = Sub(x, ReduceAndKeep(x, ReduceMean, 0))
	return y, ReduceAndKeep(Square(y), ReduceMean, 0)
}

// products are Σ_n x_ni y_nj / count: [D, D] of x and y [N, D].
func products(x, y *Node, count float64) *Node {
	return DivScalar(MatMul(Transpose(x, 0, 1), y), count)
}

// diagonal returns [D, D] bool like c.
func diagonal(c *Node) *Node {
	shape := shapes.Make(dtypes.Int32, c.Shape().Dimensions...)
	return Equal(Iota(c.Graph(), shape, 0), Iota(c.Graph(), shape, 1))
}

// Defaults implements Method: the authors' for ImageNet, with SimCLR's views for both and one rate for
// all (docs/methods.md); up to augment.SmallSide pixels, where they have none, smaller networks and batches of 512.
func (*BarlowTwins) Defaults(side int) Recipe { return features(side, 1.5e-6) }

// features is the recipe of Barlow Twins and VICReg, which differ in the weight decay.
func features(side int, weightDecay float64) Recipe {
	r := Recipe{
		Encoder:   choose("resnet50", map[string]string{"shortcut": "identity", "pool": "symmetric"}),
		Head:      choose("projector", &head.Projector{Layers: 3, Hidden: 8192, Out: 8192}),
		Optimizer: choose("lars", &optimize.LARS{Momentum: 0.9, WeightDecay: weightDecay, TrustCoefficient: 0.001}),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.2, Scaling: optimize.ScalingLinear, Epochs: 1000, WarmupEpochs: 10, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     2048,
	}
	if side <= augment.SmallSide {
		r.Encoder = choose("resnet18", map[string]string{"shortcut": "identity"})
		r.Head = choose("projector", &head.Projector{Layers: 3, Hidden: 1024, Out: 1024})
		r.Batch = 512
	}
	return r
}
