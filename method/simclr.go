package method

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/internal/registry"
	"alike/loss"
	"alike/optimize"
)

func init() {
	Methods.Add("simclr", "contrastive learning from unlabelled images: two views agree, all else repels (Chen et al. 2020)",
		func() Method { return &SimCLR{Count: 2} })
}

// SimCLR learns from unlabelled images (Chen et al. 2020). Two views of each
// of N images pass the encoder f and the head g in one batch of 2N rows; each
// row's one positive is the other view of its image, its negatives are the
// 2(N-1) views of other images. The representation h is the embedding.
//
// With more than two views, as multi-crop makes them (Caron et al. 2020), each row has
// all other views of its image as positives, and NT-Xent is the mean over all pairs.
type SimCLR struct {
	twoViews `yaml:"-"`

	// Count is V, the number of views of an image; the paper's is 2.
	Count int `yaml:"views"`
}

// Validate implements Method.
func (s *SimCLR) Validate() error {
	if s.Count < 2 {
		return fmt.Errorf("views %d: must be at least 2, which are to agree", s.Count)
	}
	return nil
}

// Views implements Method.
func (s *SimCLR) Views() int { return s.Count }

// Positive implements Method.
func (s *SimCLR) Positive(g *graph.Graph, images int, _ *graph.Node) *graph.Node {
	return loss.ViewPositives(g, images, s.Count)
}

// Defaults implements Method. Up to augment.SmallSide pixels it is the command
// of the authors' readme for CIFAR-10, whose rate of 1.0 is per 256 images;
// above, the paper's base setting for ImageNet (section 2.2 and appendix A).
func (*SimCLR) Defaults(side int) Recipe {
	lars, _ := optimize.Optimizers.Default("lars")
	r := Recipe{
		Encoder:   registry.Choice{Name: "resnet50"},
		Head:      registry.Choice{Name: "mlp"},
		Loss:      choose("ntxent", &loss.NTXent{Temperature: 0.1, L2Normalize: true}),
		Optimizer: choose("lars", lars),
		Views:     augment.SimCLR(side),
		Schedule:  optimize.Schedule{LR: 0.3, Scaling: optimize.ScalingLinear, Epochs: 100, WarmupEpochs: 10, Decay: optimize.DecayCosine, HeadLR: 1},
		Batch:     4096,
	}
	if side <= augment.SmallSide {
		r.Encoder = registry.Choice{Name: "resnet18"}
		r.Loss = choose("ntxent", &loss.NTXent{Temperature: 0.5, L2Normalize: true})
		r.Schedule = optimize.Schedule{LR: 1, Scaling: optimize.ScalingLinear, Epochs: 1000, WarmupEpochs: 10, Decay: optimize.DecayCosine, HeadLR: 1}
		r.Batch = 512
	}
	return r
}

// choose is registry.Choose for parameters that are known to encode.
func choose(name string, params any) registry.Choice {
	c, err := registry.Choose(name, params)
	if err != nil {
		panic(err)
	}
	return c
}
