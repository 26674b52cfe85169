package method

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/nn"
	"alike/internal/registry"
	"alike/loss"
)

func init() {
	Methods.Add("xbm", "metric learning with a cross-batch memory: earlier batches are candidates too, for ICE or --loss (Wang et al. 2020)",
		func() Method { return &XBM{Memory: 1024} })
}

// XBM is metric learning with a cross-batch memory (Wang et al. 2020, arXiv
// 1912.06798): the embeddings and labels of earlier batches are positives and
// negatives of the rows of this one, without gradient. The loss is any of
// pairs, over the batch's rows as anchors,
//
//	L = loss(batch) + loss(batch against batch and memory)
//
// of which the second part counts once the memory is full. Time and memory O((N + K)²), since losses compare all rows. Classes with
// parameters of their own do not need it.
type XBM struct {
	Metric `yaml:"-"`

	// Memory is K, the number of earlier embeddings; the paper takes from 1 % to
	// all of the training images.
	Memory int `yaml:"memory"`
}

// noImage is the label of a place in the memory that no image has had yet; -1 is that of an image without a class,
// which is everybody's negative.
const noImage = -2

// Validate implements Method.
func (x *XBM) Validate() error { return atLeast1("memory", x.Memory) }

// Objective implements Objective.
func (x *XBM) Objective(s *Step) (l, z *Node) {
	z = s.Online(s.Views)
	g, n := z.Graph(), s.Images
	rows := s.remembered("embeddings", shapes.Make(z.DType(), x.Memory, z.Shape().Dim(1)), nn.Constant(0))
	labels := s.remembered("labels", shapes.Make(z.DType(), x.Memory), nn.Constant(noImage))
	earlier := ConvertDType(labels.NodeValue(g), dtypes.Int32)

	alone := s.Loss(loss.Batch{Z: z, Label: s.Label, Positive: loss.LabelPositives(s.Label)})
	label := Concatenate([]*Node{s.Label, earlier}, 0)
	anchor := Concatenate([]*Node{Ones(g, shapes.Make(z.DType(), n)), Zeros(g, shapes.Make(z.DType(), x.Memory))}, 0)
	with := s.Loss(loss.Batch{
		Z:        Concatenate([]*Node{z, rows.NodeValue(g)}, 0),
		Label:    label,
		Positive: loss.LabelPositives(label),
		Weight:   anchor,
	})
	full := GreaterThan(ReduceAllMin(earlier), Scalar(g, earlier.DType(), noImage))
	rows.SetNodeValue(push(rows.NodeValue(g), StopGradient(z)))
	labels.SetNodeValue(push(labels.NodeValue(g), ConvertDType(s.Label, z.DType())))
	return Add(alone, Where(full, with, ZerosLike(with))), z
}

// Defaults implements Method: as for other metric learning.
func (x *XBM) Defaults(side int) Recipe {
	r := x.Metric.Defaults(side)
	r.Loss = registry.Choice{Name: "ice"}
	return r
}
