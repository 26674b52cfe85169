package build

import (
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
)

// softmax, and its logarithm.
func softmax(b *builder, n *onnx.Node, in []*Value) []*Value {
	v := in[0]
	from, to, err := onnx.SoftmaxAxes(n, len(v.dims))
	if err != nil {
		panic(err)
	}
	x := v.at()
	var places []int
	for axis := from; axis < to; axis++ {
		places = append(places, v.place(axis))
	}
	f := Softmax
	if n.Op == "LogSoftmax" {
		f = LogSoftmax
	}
	return []*Value{b.made(v.typ, f(x, places...), v.order)}
}

// affine is scale x + shift, either of which may be nil, as values that fit x.
func (b *builder) affine(x, scale, shift *Value) *Value {
	for i, w := range []*Value{scale, shift} {
		if w != nil {
			x = b.joined(x.typ, []*Value{x, w}, func(in []*Node) *Node {
				if i == 0 {
					return Mul(in[0], in[1])
				}
				return Add(in[0], in[1])
			})[0]
		}
	}
	return x
}

// batchNormalization is γ (x - μ) / sqrt(v + ε) + β, with what is known of a channel joined beforehand.
func batchNormalization(b *builder, n *onnx.Node, in []*Value) []*Value {
	if n.IntOr("training_mode", 0) != 0 {
		panic(fmt.Errorf("it is in training: export the model after eval()"))
	}
	scale, shift, mean, variance := in[1].array(), in[2].array(), in[3].array(), in[4].array()
	dims := slices.Repeat([]int{1}, len(in[0].dims)-1)
	dims[0] = in[0].dims[1]
	a, c := onnx.NewArray(onnx.Float32, dims...), onnx.NewArray(onnx.Float32, dims...)
	for i := range a.Data {
		a.Data[i] = scale.Data[i] / math.Sqrt(variance.Data[i]+n.FloatOr("epsilon", 1e-5))
		c.Data[i] = shift.Data[i] - mean.Data[i]*a.Data[i]
	}
	return []*Value{b.affine(in[0], b.constant(a), b.constant(c))}
}

// normalised is (x - μ) / sqrt(v + ε), with mean and variance over axes.
func (b *builder) normalised(v *Value, axes []int, epsilon float64) *Value {
	x := v.at()
	var places []int
	for _, axis := range axes {
		places = append(places, v.place(axis))
	}
	centred := Sub(x, ReduceAndKeep(x, ReduceMean, places...))
	variance := ReduceAndKeep(Square(centred), ReduceMean, places...)
	return b.made(v.typ, Mul(centred, Reciprocal(Sqrt(AddScalar(variance, epsilon)))), v.order)
}

func layerNormalization(b *builder, n *onnx.Node, in []*Value) []*Value {
	var axes []int
	for axis := axisOf(n, -1, len(in[0].dims)); axis < len(in[0].dims); axis++ {
		axes = append(axes, axis)
	}
	return []*Value{b.affine(b.normalised(in[0], axes, n.FloatOr("epsilon", 1e-5)), in[1], input(in, 2))}
}

// groupNormalization normalises groups of channels [N, C, ...]; of InstanceNormalization, each channel.
func groupNormalization(b *builder, n *onnx.Node, in []*Value) []*Value {
	v, channels := in[0], in[0].dims[1]
	groups := channels
	if n.Op == "GroupNormalization" {
		groups = n.IntOr("num_groups", 0)
	}
	if groups < 1 || channels%groups != 0 {
		panic(fmt.Errorf("%d channels are not made of %d groups", channels, groups))
	}
	y := v.reshaped([]int{v.dims[0], groups, sizeOf(v.dims[1:]) / groups})
	y = b.normalised(y, []int{2}, n.FloatOr("epsilon", 1e-5)).reshaped(v.dims)
	perChannel := func(w *Value) *Value {
		a := w.array()
		dims := slices.Repeat([]int{1}, len(v.dims)-1)
		dims[0] = channels
		all := onnx.NewArray(onnx.Float32, dims...)
		for i := range all.Data { // of each channel, or before version 21 of each group
			all.Data[i] = a.Data[i*len(a.Data)/channels]
		}
		return b.constant(all)
	}
	return []*Value{b.affine(y, perChannel(in[1]), perChannel(in[2]))}
}

// lpNormalization divides by the length along an axis.
func lpNormalization(b *builder, n *onnx.Node, in []*Value) []*Value {
	v, norm := in[0], sumOfSquares
	if n.IntOr("p", 2) == 1 {
		norm = func(x *Node, axes ...int) *Node { return ReduceSum(Abs(x), axes...) }
	}
	x, place := v.at(), v.place(axisOf(n, -1, len(v.dims)))
	length := ReduceAndKeep(x, norm, place)
	if n.IntOr("p", 2) != 1 {
		length = Sqrt(length)
	}
	return []*Value{b.made(v.typ, Div(x, length), v.order)}
}

// localResponse is x / (k + α/n Σ x²)^β, with the sum over n neighbouring channels.
func localResponse(b *builder, n *onnx.Node, in []*Value) []*Value {
	x, size, channels := in[0].picture(), n.IntOr("size", 1), in[0].dims[1]
	if size < 1 || size > 64 {
		panic(fmt.Errorf("a size of %d", size))
	}
	before := (size - 1) / 2
	padded := Pad(Square(x), ScalarZero(b.graph, x.DType()), PadAxis{}, PadAxis{}, PadAxis{}, PadAxis{Start: before, End: size - 1 - before})
	var sum *Node
	for i := range size {
		part := SliceAxis(padded, 3, AxisRange(i, i+channels))
		if sum == nil {
			sum = part
		} else {
			sum = Add(sum, part)
		}
	}
	scale := AddScalar(MulScalar(sum, n.FloatOr("alpha", 1e-4)/float64(size)), n.FloatOr("bias", 1))
	return []*Value{b.made(in[0].typ, Div(x, PowScalar(scale, n.FloatOr("beta", 0.75))), pixelsFirst)}
}
