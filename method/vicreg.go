package method

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
)

func init() {
	Methods.Add("vicreg", "VICReg: two views agree, each feature varies, no two features vary together (Bardes et al. 2022)",
		func() Method { return &VICReg{Invariance: 25, Variance: 25, Covariance: 1} })
}

// VICReg is variance-invariance-covariance regularisation (Bardes et al. 2022,
// arXiv 2105.04906, eq. 1 to 6). With a and b the z [N, D] of the two views, and
// variance and covariance over the images of a batch with N-1 in the denominator,
//
//	v(a) = 1/D Σ_i max(0, 1 - √(Var(a_i) + 1e-4))
//	c(a) = 1/D Σ_i Σ_{j≠i} Cov(a_i, a_j)²
//	l = λ mean (a - b)² + μ/2 (v(a) + v(b)) + ν (c(a) + c(b))
//
// where the first mean is over images and features, and μ/2 the authors' code's (the
// paper has μ). It has no negatives. Time O(N D²), memory O(D²).
type VICReg struct {
	twoViews `yaml:"-"`

	// Invariance is λ ≥ 0, Variance μ ≥ 0, Covariance ν ≥ 0; 25, 25 and 1 in the paper.
	Invariance float64 `yaml:"invariance"`
	Variance   float64 `yaml:"variance"`
	Covariance float64 `yaml:"covariance"`
}

// Validate implements Method.
func (v *VICReg) Validate() error {
	return errors.Join(atLeast0("invariance", v.Invariance), atLeast0("variance", v.Variance), atLeast0("covariance", v.Covariance))
}

// Objective implements Objective.
func (v *VICReg) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	a, b := s.View(z, 0), s.View(z, 1)
	n, dim := float64(s.Images), float64(z.Shape().Dim(1))
	loss = MulScalar(ReduceAllMean(Square(Sub(a, b))), v.Invariance)
	for _, x := range []*Node{a, b} {
		x, variance := centred(x)
		hinge := MaxScalar(OneMinus(Sqrt(AddScalar(MulScalar(variance, n/(n-1)), 1e-4))), 0.0)
		c := products(x, x, n-1)
		together := Where(diagonal(c), ZerosLike(c), Square(c))
		loss = Add(loss, MulScalar(ReduceAllMean(hinge), v.Variance/2))
		loss = Add(loss, MulScalar(ReduceAllSum(together), v.Covariance/dim))
	}
	return loss, z
}

// Defaults implements Method: the paper's for ImageNet, with SimCLR's views for both;
// up to augment.SmallSide pixels, where it has none, smaller networks and batches of 512.
func (*VICReg) Defaults(side int) Recipe { return features(side, 1e-6) }
