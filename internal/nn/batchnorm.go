package nn

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

const (
	// BatchNormEpsilon is added to the variance.
	BatchNormEpsilon = 1e-5
	// BatchNormDecay is the share of the running statistics that a step keeps
	// (PyTorch's momentum 0.1).
	BatchNormDecay = 0.9
)

// BatchNormOptions are departures from plain batch norm.
type BatchNormOptions struct {
	NoShift   bool // fix β at 0: there is no "bias"
	NoScale   bool // fix γ at 1: there is no "weight"
	ZeroScale bool // start γ at 0 rather than 1
}

// BatchNorm normalises each channel c, the last axis of x [..., C]:
//
//	y = γ_c (x - μ_c) / sqrt(v_c + ε) + β_c
//
// In training μ and v are mean and population variance over all other axes,
// and the gradient flows through both. The running statistics then move by
// r ← 0.9 r + 0.1 (μ, v). The running variance takes the population variance,
// as TensorFlow's unfused layer does; PyTorch feeds it n/(n-1) times as much.
// In inference, and where the running statistics are frozen, they take the place of μ and v.
//
// Parameters: "weight" γ and "bias" β [C], trainable; "running_mean" and
// "running_var" [C], not trainable.
func BatchNorm(scope *model.Scope, x *Node, o BatchNormOptions) *Node {
	dtype := x.DType()
	x = wide(x)
	g, channels := x.Graph(), shapes.Make(x.DType(), x.Shape().Dim(-1))
	start := 1.0
	if o.ZeroScale {
		start = 0
	}
	scale := Ones(g, channels)
	if !o.NoScale {
		scale = Param(scope, "weight", channels, Constant(start)).NodeValue(g)
	}
	shift := Zeros(g, channels)
	if !o.NoShift {
		shift = Param(scope, "bias", channels, Constant(0)).NodeValue(g)
	}
	runningMean := statistic(scope, "running_mean", channels, 0)
	runningVar := statistic(scope, "running_var", channels, 1)
	if !scope.IsTraining(g) {
		return ConvertDType(inferBatchNorm(x, scale, shift, runningMean.NodeValue(g), runningVar.NodeValue(g)), dtype)
	}
	if isFrozen(scope, "running_mean") && isFrozen(scope, "running_var") {
		return ConvertDType(affineBatchNorm(x, scale, shift, runningMean.NodeValue(g), runningVar.NodeValue(g)), dtype)
	}
	y, mean, variance := trainBatchNorm(x, scale, shift)
	follow(runningMean, mean)
	follow(runningVar, variance)
	return ConvertDType(y, dtype)
}

// trainBatchNorm returns y like x, and μ and v [C]: by the backend's own
// operation where it has one with its gradient, decomposed where not.
func trainBatchNorm(x, scale, shift *Node) (y, mean, variance *Node) {
	has := x.Graph().Backend().Capabilities().Operations
	if x.DType() == dtypes.Float32 && has[compute.OpTypeBatchNormForTraining] && has[compute.OpTypeBatchNormGradient] {
		return InternalBatchNormForTraining(x, scale, shift, BatchNormEpsilon, -1)
	}
	others := make([]int, x.Rank()-1) // all axes but the channels
	for i := range others {
		others[i] = i
	}
	mean = ReduceAndKeep(x, ReduceMean, others...)
	centred := Sub(x, mean)
	variance = ReduceAndKeep(Square(centred), ReduceMean, others...)
	unit := Div(centred, Sqrt(AddScalar(variance, BatchNormEpsilon)))
	y = Add(Mul(unit, perChannel(scale, x)), perChannel(shift, x))
	return y, Reshape(mean, scale.Shape().Dimensions...), Reshape(variance, scale.Shape().Dimensions...)
}

// inferBatchNorm is the backend's own operation where it has one, through which
// GoMLX knows no gradient; or the affine form.
func inferBatchNorm(x, scale, shift, mean, variance *Node) *Node {
	if x.DType() == dtypes.Float32 && x.Graph().Backend().Capabilities().Operations[compute.OpTypeBatchNormForInference] {
		return InternalBatchNormForInference(x, scale, shift, mean, variance, BatchNormEpsilon, -1)
	}
	return affineBatchNorm(x, scale, shift, mean, variance)
}

// affineBatchNorm is y = a x + b with the constants of a channel folded.
func affineBatchNorm(x, scale, shift, mean, variance *Node) *Node {
	a := Div(scale, Sqrt(AddScalar(variance, BatchNormEpsilon)))
	b := Sub(shift, Mul(mean, a))
	return Add(Mul(x, perChannel(a, x)), perChannel(b, x))
}

// follow moves a running statistic towards its value in this batch.
func follow(running *model.Variable, batch *Node) {
	r := running.NodeValue(batch)
	running.SetNodeValue(Add(MulScalar(r, BatchNormDecay), MulScalar(StopGradient(batch), 1-BatchNormDecay)))
}

// perChannel gives v [C] the rank of x [..., C].
func perChannel(v, x *Node) *Node {
	dims := make([]int, x.Rank())
	for i := range dims {
		dims[i] = 1
	}
	dims[len(dims)-1] = v.Shape().Dim(0)
	return Reshape(v, dims...)
}
