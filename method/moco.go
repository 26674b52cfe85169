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
	Methods.Add("moco", "MoCo v2: one view finds the other's momentum embedding among a queue of earlier ones (Chen et al. 2020)",
		func() Method { return &MoCo{Temperature: 0.2, Momentum: 0.999, Queue: 65536} })
}

// MoCo is momentum contrast, version 2 (He et al. 2020, arXiv 1911.05722; Chen
// et al. 2020, arXiv 2003.04297). View 0 is the query q, of the online network;
// view 1 the key k, of a network whose weights trail the online ones. With unit
// vectors, and a queue of the keys k_j of earlier steps,
//
//	l = -ln( exp(q·k/τ) / (exp(q·k/τ) + Σ_j exp(q·k_j/τ)) )
//
// averaged over the queries. Keys get no gradient; those of the step then enter the
// queue, and the oldest leave it. Query and key pass the networks apart, so that
// their batch norms see batches of their own; the authors also shuffle keys between
// graphics cards, which on one engine there is nothing to do for. Time O(N K D).
type MoCo struct {
	twoViews `yaml:"-"`

	// Temperature is τ > 0; 0.2 in version 2, 0.07 in the first.
	Temperature float64 `yaml:"temperature"`

	// Momentum is the share m of its weights that the key network keeps in a step;
	// 0.999, and 0.99 in the authors' demonstration on CIFAR-10.
	Momentum float64 `yaml:"momentum"`

	// Queue is K, the number of earlier keys; 65536, and 4096 on CIFAR-10.
	Queue int `yaml:"queue"`
}

// Validate implements Method.
func (m *MoCo) Validate() error {
	return errors.Join(above0("temperature", m.Temperature), between("momentum", m.Momentum), atLeast1("queue", m.Queue))
}

// Objective implements Objective.
func (m *MoCo) Objective(s *Step) (loss, z *Node) {
	query := s.Online(s.View(s.Views, 0))
	key := s.trailing(Scalar(query.Graph(), query.DType(), m.Momentum))(s.View(s.Views, 1))
	q, k := nn.Unit(query), nn.Unit(key)
	queue := s.remembered("queue", shapes.Make(k.DType(), m.Queue, k.Shape().Dim(1)), nn.Normal(1))
	earlier := nn.Unit(queue.NodeValue(k)) // random directions at first
	own := DivScalar(ReduceSum(Mul(q, k), -1), m.Temperature)
	logits := Concatenate([]*Node{ExpandDims(own, -1), similarities(q, earlier, m.Temperature)}, 1)
	loss = ReduceAllMean(Sub(logSumExp(logits), own))
	queue.SetNodeValue(push(earlier, k))
	return loss, Concatenate([]*Node{query, key}, 0)
}

// Defaults implements Method: version 2's for ImageNet, with SimCLR's views (docs/methods.md); up to augment.SmallSide
// pixels what is remembered of the authors' demonstration on CIFAR-10, with
// version 2's head.
func (*MoCo) Defaults(side int) Recipe {
	r := Recipe{
		Encoder:   choose("resnet50", map[string]string{"shortcut": "identity", "pool": "symmetric"}),
		Head:      choose("projector", &head.Projector{Layers: 2, Hidden: 2048, Out: 128, NoNorm: true}),
		Optimizer: choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 1e-4, DecayAll: true}),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.03, Scaling: optimize.ScalingNone, Epochs: 200, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     256,
	}
	if side <= augment.SmallSide {
		r.Encoder = choose("resnet18", map[string]string{"shortcut": "identity"})
		r.Head = choose("projector", &head.Projector{Layers: 2, Hidden: 512, Out: 128, NoNorm: true})
		r.Method = &MoCo{Temperature: 0.1, Momentum: 0.99, Queue: 4096}
		r.Optimizer = choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 5e-4, DecayAll: true})
		r.Schedule.LR, r.Batch = 0.06, 512
	}
	return r
}
