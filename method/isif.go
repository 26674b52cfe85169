package method

import (
	"alike/augment"
	"alike/head"
	"alike/internal/registry"
	"alike/optimize"
)

func init() {
	Methods.Add("isif", "invariant and spreading instance features: two views agree, every image is a class of its own (Ye et al. 2019)",
		func() Method { return &ISIF{} })
}

// ISIF learns from unlabelled images (Ye et al. 2019). Two views of each of m
// images pass the encoder and one linear layer; what agrees and what spreads is
// up to the loss. The projection z, on the unit sphere, is the embedding.
type ISIF struct {
	twoViews `yaml:"-"`
}

// Layer implements Method.
func (*ISIF) Layer() string { return LayerZ }

// Defaults implements Method: the authors' code for CIFAR-10 and STL-10.
func (*ISIF) Defaults(side int) Recipe {
	return Recipe{
		Encoder:   choose("resnet18", map[string]string{"shortcut": "identity"}),
		Head:      choose("embedding", &head.Embedding{Out: 128, Bias: true, Init: head.InitPyTorch, L2Normalize: true}),
		Loss:      registry.Choice{Name: "isif_symmetric"},
		Optimizer: choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 5e-4, DecayAll: true}),
		Views:     augment.ISIF(side),
		Schedule: optimize.Schedule{
			LR: 0.03, Scaling: optimize.ScalingNone, Epochs: 301, HeadLR: 1, Decay: optimize.DecaySteps,
			Milestones: []optimize.Milestone{{Epoch: 120, Factor: 0.1}, {Epoch: 160, Factor: 0.05}, {Epoch: 200, Factor: 0.01}},
		},
		Batch: 128,
	}
}
