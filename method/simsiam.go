package method

import (
	. "github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/head"
	"alike/optimize"
)

func init() {
	Methods.Add("simsiam", "simple Siamese network: a prediction from one view meets the other, without negatives or momentum (Chen and He 2021)",
		func() Method { return &SimSiam{Predictor: predictor{Hidden: 512}} })
}

// SimSiam is the simple Siamese network (Chen and He 2021, arXiv 2011.10566,
// eq. 2). Of both views v the network gives z_v and the predictor q(z_v). With
// the other view v',
//
//	l = - 1/2 Σ_v cos( q(z_v), z_v' )       z_v' gets no gradient
//
// averaged over the images: between -1 and 1. Without the stopped gradient it collapses. The
// authors' code keeps the predictor's learning rate constant; here it decays with the rest.
type SimSiam struct {
	twoViews `yaml:"-"`

	// Predictor is q.
	Predictor predictor `yaml:"predictor"`
}

// Validate implements Method.
func (m *SimSiam) Validate() error { return m.Predictor.validate() }

// Objective implements Objective.
func (m *SimSiam) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	p, t := m.Predictor.graph(s, z), StopGradient(z)
	similar := Add(cosine(s.View(p, 0), s.View(t, 1)), cosine(s.View(p, 1), s.View(t, 0)))
	return ReduceAllMean(MulScalar(similar, -0.5)), z
}

// Defaults implements Method: the paper's for ImageNet; up to augment.SmallSide
// pixels those of its appendix D for CIFAR-10; with SimCLR's views (docs/methods.md).
func (*SimSiam) Defaults(side int) Recipe {
	r := Recipe{
		Encoder:   choose("resnet50", map[string]string{"shortcut": "identity", "pool": "symmetric"}),
		Head:      choose("projector", &head.Projector{Layers: 3, Hidden: 2048, Out: 2048, NormOut: true}),
		Optimizer: choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 1e-4, DecayAll: true}),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.05, Scaling: optimize.ScalingLinear, Epochs: 100, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     512,
	}
	if side <= augment.SmallSide {
		r.Encoder = choose("resnet18", map[string]string{"shortcut": "identity"})
		r.Head = choose("projector", &head.Projector{Layers: 2, Hidden: 2048, Out: 2048, NormOut: true})
		r.Optimizer = choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 5e-4, DecayAll: true})
		r.Schedule.LR, r.Schedule.Epochs = 0.03, 800
	}
	return r
}
