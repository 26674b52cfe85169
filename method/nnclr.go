package method

import (
	"errors"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/head"
	"alike/internal/nn"
	"alike/optimize"
)

func init() {
	Methods.Add("nnclr", "nearest-neighbour contrastive learning: one view's neighbour in a support set finds the other view (Dwibedi et al. 2021)",
		func() Method { return &NNCLR{Temperature: 0.1, Support: 98304, Predictor: predictor{Hidden: 4096}} })
}

// NNCLR is nearest-neighbour contrastive learning of representations (Dwibedi
// et al. 2021, arXiv 2104.14548, eq. 3). Of both views v the network gives z_v
// and the predictor p_v, all of unit length; nn(z) is the nearest vector of a
// support set Q of earlier z. With the other view v',
//
//	l_v = -ln( exp(nn(z_i,v)·p_i,v'/τ) / Σ_j exp(nn(z_i,v)·p_j,v'/τ) )
//
// over the images j of the batch, averaged over images and views. The neighbour gets no
// gradient. View 0's z of the step then enter the support set, and the oldest leave it.
type NNCLR struct {
	twoViews `yaml:"-"`

	// Temperature is τ > 0; 0.1 in the paper.
	Temperature float64 `yaml:"temperature"`

	// Support is the size of Q; 98304 in the paper.
	Support int `yaml:"support"`

	// Predictor makes p of z.
	Predictor predictor `yaml:"predictor"`
}

// Validate implements Method.
func (m *NNCLR) Validate() error {
	return errors.Join(above0("temperature", m.Temperature), atLeast1("support", m.Support), m.Predictor.validate())
}

// Objective implements Objective.
func (m *NNCLR) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	p, u := nn.Unit(m.Predictor.graph(s, z)), StopGradient(nn.Unit(z))
	support := s.remembered("support", shapes.Make(u.DType(), m.Support, u.Shape().Dim(1)), nn.Normal(1))
	q := nn.Unit(support.NodeValue(u)) // random directions at first
	nearest := Gather(q, ExpandDims(ArgMax(similarities(u, q, 1), -1), -1))
	half := func(v int) *Node {
		q, p := s.View(nearest, v), s.View(p, 1-v)
		own := DivScalar(ReduceSum(Mul(q, p), -1), m.Temperature)
		return ReduceAllMean(Sub(logSumExp(similarities(q, p, m.Temperature)), own))
	}
	support.SetNodeValue(push(q, s.View(u, 0)))
	return MulScalar(Add(half(0), half(1)), 0.5), z
}

// Defaults implements Method: the paper's for ImageNet; up to augment.SmallSide
// pixels, where it has none, smaller networks, 4096 neighbours and batches of 512.
func (*NNCLR) Defaults(side int) Recipe {
	r := Recipe{
		Encoder:   choose("resnet50", map[string]string{"shortcut": "identity", "pool": "symmetric"}),
		Head:      choose("projector", &head.Projector{Layers: 3, Hidden: 2048, Out: 256, NormOut: true}),
		Optimizer: choose("lars", &optimize.LARS{Momentum: 0.9, WeightDecay: 1e-6, TrustCoefficient: 0.001}),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.3, Scaling: optimize.ScalingLinear, Epochs: 1000, WarmupEpochs: 10, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     4096,
	}
	if side <= augment.SmallSide {
		r.Encoder = choose("resnet18", map[string]string{"shortcut": "identity"})
		r.Head = choose("projector", &head.Projector{Layers: 3, Hidden: 512, Out: 128, NormOut: true})
		r.Method = &NNCLR{Temperature: 0.1, Support: 4096, Predictor: predictor{Hidden: 1024}}
		r.Batch = 512
	}
	return r
}
