package method

import (
	"github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/internal/registry"
	"alike/loss"
	"alike/optimize"
)

func init() {
	Methods.Add("ice", "instance cross entropy: deep metric learning from labels (Wang et al. 2019)",
		func() Method { return &Metric{} })
	Methods.Add("metric", "deep metric learning from labels with another loss, ICE's baselines: --loss says which",
		func() Method { return &Metric{} })
}

// Metric is deep metric learning from labels, as ICE has it (Wang et al. 2019):
// one view of each image; batches of P classes with K images each; the rows of
// a class are each other's positives. The output z of one linear layer, on the
// unit sphere, is the embedding. It is meant for classes that were not trained on.
type Metric struct{}

// Validate implements Method.
func (*Metric) Validate() error { return nil }

// Views implements Method.
func (*Metric) Views() int { return 1 }

// Supervised implements Method.
func (*Metric) Supervised() bool { return true }

// Positive implements Method.
func (*Metric) Positive(_ *graph.Graph, _ int, label *graph.Node) *graph.Node {
	return loss.LabelPositives(label)
}

// Layer implements Method.
func (*Metric) Layer() string { return LayerZ }

// Defaults implements Method. The paper's own settings are not known: these are
// the authors' for the Ranked List Loss on CUB (10,000 steps of 60 of its 5,864
// images, the rate halved every 2,000), and the scale of 64 that is remembered
// for ICE. Their trunk was pretrained, and the head's rate ten times as high
// (head_lr); here nothing is pretrained.
func (*Metric) Defaults(side int) Recipe {
	return Recipe{
		Encoder:   registry.Choice{Name: "resnet18"},
		Head:      registry.Choice{Name: "embedding"},
		Loss:      registry.Choice{Name: "ice"},
		Optimizer: choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 2e-5}),
		Views:     augment.MetricLearning(side),
		Schedule: optimize.Schedule{
			LR: 0.001, Scaling: optimize.ScalingNone, Epochs: 102, HeadLR: 1, Decay: optimize.DecaySteps,
			Milestones: []optimize.Milestone{{Epoch: 20, Factor: 0.5}, {Epoch: 41, Factor: 0.25}, {Epoch: 61, Factor: 0.125}, {Epoch: 82, Factor: 0.0625}},
		},
		Batch:    60,
		PerClass: 3,
	}
}
