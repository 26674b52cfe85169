package method

import (
	"errors"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/augment"
	"alike/head"
	"alike/internal/nn"
	"alike/optimize"
)

func init() {
	Methods.Add("instdisc", "instance discrimination: every image is a class, known by its place in a memory bank (Wu et al. 2018)",
		func() Method { return &InstDisc{Temperature: 0.1, Momentum: 0.5} })
}

// InstDisc is unsupervised instance discrimination by a non-parametric softmax
// (Wu et al. 2018, arXiv 1805.01978, eq. 2), ISIF's baseline. Of one view of
// image i the unit embedding z is compared with a memory bank v [n, D] of what all
// n training images gave when they were last seen:
//
//	l = -ln( exp(v_i·z/τ) / Σ_j exp(v_j·z/τ) )       no gradient reaches the bank
//	v_i ← normalise( m v_i + (1 - m) z )             after the step, once for each image of it
//
// The sum runs over all n, which the paper's appendix calls NPSoftmax; its
// approximation by m noise samples (NCE), for data sets of millions, is not here. Time and
// memory O(N n D) and O(N n). The bank, n D numbers, starts uniform in ±√(3/D)
// as in the authors' code. z is the embedding.
type InstDisc struct {
	// Temperature is τ > 0; 0.07 in the paper, 0.1 for CIFAR-10 in the authors' code.
	Temperature float64 `yaml:"temperature"`

	// Momentum is m, the share of its entry that an image keeps; 0.5 in the authors' code.
	Momentum float64 `yaml:"momentum"`
}

// Validate implements Method.
func (d *InstDisc) Validate() error {
	return errors.Join(above0("temperature", d.Temperature), between("momentum", d.Momentum))
}

// Views implements Method.
func (*InstDisc) Views() int { return 1 }

// Supervised implements Method.
func (*InstDisc) Supervised() bool { return false }

// Positive implements Method: no row of a batch is another's.
func (*InstDisc) Positive(g *Graph, images int, _ *Node) *Node {
	return Zeros(g, shapes.Make(dtypes.Bool, images, images))
}

// Layer implements Method.
func (*InstDisc) Layer() string { return LayerZ }

// Objective implements Objective.
func (d *InstDisc) Objective(s *Step) (loss, z *Node) {
	z = s.Online(s.Views)
	u, g := nn.Unit(z), z.Graph()
	n, dim := u.Shape().Dim(0), u.Shape().Dim(1)
	bank := s.remembered("bank", shapes.Make(u.DType(), s.Total, dim), nn.Uniform(math.Sqrt(3/float64(dim))))
	v, at := bank.NodeValue(g), ExpandDims(s.Index, -1)
	own := Gather(v, at) // [N, D]
	logits := similarities(u, v, d.Temperature)
	loss = ReduceAllMean(Sub(logSumExp(logits), DivScalar(ReduceSum(Mul(u, own), -1), d.Temperature)))

	// Batches run on across epochs, so that an image may be in one twice: the last counts.
	row := Iota(g, shapes.Make(dtypes.Int32, n, n), 0)
	later := GreaterThan(Iota(g, row.Shape(), 1), row)
	last := LogicalNot(LogicalAny(LogicalAnd(later, Equal(at, ExpandDims(s.Index, 0))), -1))
	moved := nn.Unit(Add(MulScalar(own, d.Momentum), MulScalar(StopGradient(u), 1-d.Momentum)))
	change := Where(BroadcastToShape(ExpandDims(last, -1), own.Shape()), Sub(moved, own), ZerosLike(own))
	bank.SetNodeValue(ScatterSum(v, at, change, false, false))
	return loss, z
}

// Defaults implements Method: the authors' code for CIFAR-10, from which ISIF's
// derives: its views, one of each image, and its schedule.
func (*InstDisc) Defaults(side int) Recipe {
	return Recipe{
		Encoder:   choose("resnet18", map[string]string{"shortcut": "identity"}),
		Head:      choose("embedding", &head.Embedding{Out: 128, Bias: true, Init: head.InitPyTorch, L2Normalize: true}),
		Optimizer: choose("sgd", &optimize.SGD{Momentum: 0.9, WeightDecay: 5e-4, DecayAll: true}),
		Views:     augment.ISIF(side),
		Schedule: optimize.Schedule{
			LR: 0.03, Scaling: optimize.ScalingNone, Epochs: 200, HeadLR: 1, Decay: optimize.DecaySteps,
			Milestones: []optimize.Milestone{{Epoch: 80, Factor: 0.1}, {Epoch: 120, Factor: 0.01}, {Epoch: 160, Factor: 0.001}},
		},
		Batch: 128,
	}
}
