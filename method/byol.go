package method

import (
	"errors"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/head"
	"alike/optimize"
)

func init() {
	Methods.Add("byol", "bootstrap your own latent: a prediction from one view meets the other's momentum embedding, without negatives (Grill et al. 2020)",
		func() Method { return &BYOL{Momentum: 0.996, Predictor: predictor{Hidden: 4096}} })
}

// BYOL bootstraps its own latent (Grill et al. 2020, arXiv 2006.07733). Of both
// views v the online network gives z_v and the predictor q(z_v), a network whose
// weights trail the online ones gives the target t_v. With the other view v',
//
//	l = Σ_v 2 - 2 cos(q(z_v), t_v')
//
// averaged over the images; no gradient reaches the targets. The trailing weights
// keep the share m of themselves in a step, which rises to 1 by a cosine:
// 1 - m = (1 - Momentum) (cos(π done) + 1)/2. There are no negatives. The
// authors' two views differ in blur and solarisation; here both are SimCLR's.
type BYOL struct {
	twoViews `yaml:"-"`

	// Momentum is m at the start; 0.996 for 1000 epochs, 0.99 for 300.
	Momentum float64 `yaml:"momentum"`

	// Predictor is q.
	Predictor predictor `yaml:"predictor"`
}

// Validate implements Method.
func (b *BYOL) Validate() error {
	return errors.Join(between("momentum", b.Momentum), b.Predictor.validate())
}

// Objective implements Objective.
func (b *BYOL) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	p := b.Predictor.graph(s, z)
	rest := MulScalar(AddScalar(Cos(MulScalar(s.Done, math.Pi)), 1), (1-b.Momentum)/2)
	t := s.trailing(OneMinus(rest))(s.Views)
	similar := Add(cosine(s.View(p, 0), s.View(t, 1)), cosine(s.View(p, 1), s.View(t, 0)))
	return ReduceAllMean(AddScalar(MulScalar(similar, -2), 4)), z
}

// Defaults implements Method: the paper's for ImageNet; up to augment.SmallSide
// pixels, where it has none, smaller networks and batches of 512.
func (*BYOL) Defaults(side int) Recipe {
	r := Recipe{
		Encoder:   choose("resnet50", map[string]string{"shortcut": "identity", "pool": "symmetric"}),
		Head:      choose("projector", &head.Projector{Layers: 2, Hidden: 4096, Out: 256}),
		Optimizer: choose("lars", &optimize.LARS{Momentum: 0.9, WeightDecay: 1.5e-6, TrustCoefficient: 0.001}),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.2, Scaling: optimize.ScalingLinear, Epochs: 1000, WarmupEpochs: 10, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     4096,
	}
	if side <= augment.SmallSide {
		r.Encoder = choose("resnet18", map[string]string{"shortcut": "identity"})
		r.Head = choose("projector", &head.Projector{Layers: 2, Hidden: 1024, Out: 128})
		r.Method = &BYOL{Momentum: 0.996, Predictor: predictor{Hidden: 1024}}
		r.Batch = 512
	}
	return r
}
