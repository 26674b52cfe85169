package trace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapeinference"

	"alike/internal/onnx"
)

// The operations of networks on images. What they make is in float16 if the export is.

// half says whether a value may be computed with in float16.
func (f *function) half() bool { return f.engine.options.Half }

func (f *function) ConvGeneral(input, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	x, w := input.(*value), kernel.(*value)
	shape, err := shapeinference.ConvGeneral(x.shape, w.shape, axes, strides, paddings, inputDilations, kernelDilations, channelGroups, batchGroups)
	if err != nil {
		return nil, err
	}
	if len(axes.InputSpatial) != 2 || channelGroups > 1 || batchGroups > 1 || dilated(inputDilations) || dilated(kernelDilations) || x.thin {
		return nil, fmt.Errorf("a convolution of %s with groups or dilations cannot be written as ONNX yet", x.shape)
	}
	layout := func(first, second int, spatial []int) []int { return append([]int{first, second}, spatial...) }
	images, err := f.use(x, layout(axes.InputBatch, axes.InputChannels, axes.InputSpatial), f.half())
	if err != nil {
		return nil, err
	}
	weight, err := f.use(w, layout(axes.KernelOutputChannels, axes.KernelInputChannels, axes.KernelSpatial), f.half())
	if err != nil {
		return nil, err
	}
	var sides []int
	for _, a := range axes.KernelSpatial {
		sides = append(sides, w.shape.Dim(a))
	}
	p := &product{
		name: nodeName("Conv", w), op: "Conv", inputs: []string{images, weight}, channel: axes.OutputChannels,
		attributes: []onnx.Attribute{onnx.Ints("kernel_shape", sides...), onnx.Ints("strides", orOnes(strides)...), onnx.Ints("pads", pads(paddings)...)},
	}
	out := &value{shape: shape, layout: layout(axes.OutputBatch, axes.OutputChannels, axes.OutputSpatial), half: f.half(), from: p}
	out.tensor = f.engine.graph.named(p.name, p.op, p.inputs, p.attributes...)
	return out, nil
}

func dilated(dilations []int) bool {
	return slices.ContainsFunc(dilations, func(d int) bool { return d > 1 })
}

// nodeName names a node after its weight.
func nodeName(op string, weight *value) string {
	if weight.name == "" {
		return op
	}
	return strings.TrimSuffix(weight.name, ".weight")
}

func orOnes(strides []int) []int {
	if len(strides) == 0 {
		return []int{1, 1}
	}
	return strides
}

// pads are the pixels before both axes, then those behind.
func pads(paddings [][2]int) []int {
	if len(paddings) == 0 {
		return []int{0, 0, 0, 0}
	}
	return []int{paddings[0][0], paddings[1][0], paddings[0][1], paddings[1][1]}
}

// DotGeneral is a product of two matrices, x W, with W as torch.nn.Linear keeps it: [out, in].
func (f *function) DotGeneral(lhs compute.Value, lhsContract, lhsBatch []int, rhs compute.Value, rhsContract, rhsBatch []int, config compute.DotGeneralConfig) (compute.Value, error) {
	x, w := lhs.(*value), rhs.(*value)
	shape, err := shapeinference.DotGeneral(x.shape, lhsContract, lhsBatch, w.shape, rhsContract, rhsBatch, config)
	if err != nil {
		return nil, err
	}
	if x.shape.Rank() != 2 || w.shape.Rank() != 2 || len(lhsContract) != 1 || x.thin || w.thin {
		return nil, fmt.Errorf("a product of %s and %s cannot be written as ONNX yet", x.shape, w.shape)
	}
	if w, err = w.full(); err != nil {
		return nil, err
	}
	rows, err := f.use(x, []int{1 - lhsContract[0], lhsContract[0]}, false)
	if err != nil {
		return nil, err
	}
	weight, err := f.use(w, []int{1 - rhsContract[0], rhsContract[0]}, false)
	if err != nil {
		return nil, err
	}
	p := &product{name: nodeName("Gemm", w), op: "Gemm", inputs: []string{rows, weight}, channel: 1, attributes: []onnx.Attribute{onnx.Int("transB", 1)}}
	out := &value{shape: shape, layout: order(2), from: p}
	out.tensor = f.engine.graph.named(p.name, p.op, p.inputs, p.attributes...)
	return out, nil
}

// BatchNormForInference keeps scale, shift and statistics in float32.
func (f *function) BatchNormForInference(operand, scale, offset, mean, variance compute.Value, epsilon float32, featureAxis int) (compute.Value, error) {
	x := operand.(*value)
	channel := (featureAxis + x.shape.Rank()) % x.shape.Rank()
	layout := slices.DeleteFunc(order(x.shape.Rank()), func(a int) bool { return a == channel })
	layout = slices.Insert(layout, 1, channel)
	half := f.half() && x.half
	name, err := f.use(x, layout, half)
	if err != nil {
		return nil, err
	}
	inputs := []string{name}
	for _, v := range []compute.Value{scale, offset, mean, variance} {
		name, err := f.whole(v.(*value))
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, name)
	}
	out := &value{shape: x.shape, layout: layout, half: half}
	out.tensor = f.engine.graph.named(strings.TrimSuffix(nodeName("BatchNormalization", mean.(*value)), ".running_mean"), "BatchNormalization", inputs, onnx.Float("epsilon", epsilon))
	return out, nil
}

// ReduceWindow is a maximum or a sum over windows of pixels [N, H, W, C]. A sum that is then divided by the
// number of pixels becomes a mean; see Mul.
func (f *function) ReduceWindow(input compute.Value, reduction compute.ReduceOpType, dims, strides, inputDilations, windowDilations []int, paddings [][2]int) (compute.Value, error) {
	x := input.(*value)
	shape, err := shapeinference.ReduceWindow(x.shape, dims, strides, inputDilations, windowDilations, paddings)
	if err != nil {
		return nil, err
	}
	if strides == nil {
		strides = dims
	}
	if paddings == nil {
		paddings = make([][2]int, len(dims))
	}
	still := func(axis int) bool { return dims[axis] == 1 && strides[axis] == 1 && paddings[axis] == [2]int{} }
	if x.shape.Rank() != 4 || !still(0) || !still(3) || dilated(inputDilations) || dilated(windowDilations) || x.thin {
		return nil, fmt.Errorf("windows of %v over %s cannot be written as ONNX yet", dims, x.shape)
	}
	out := &value{shape: shape, layout: []int{0, 3, 1, 2}, half: x.half}
	window := func(paddings [][2]int) []onnx.Attribute {
		return []onnx.Attribute{onnx.Ints("kernel_shape", dims[1:3]...), onnx.Ints("strides", strides[1:3]...), onnx.Ints("pads", pads(paddings)...)}
	}
	switch reduction {
	case compute.ReduceOpMax:
		out.tensor, err = f.window("MaxPool", x, out.layout, out.half, window(paddings[1:3]))
		return out, err
	case compute.ReduceOpSum:
		from := &windowed{x, window(paddings[1:3]), dims[1] * dims[2]}
		if p, ok := x.from.(*padded); ok && len(p.axes) == 4 && p.axes[0] == (compute.PadAxis{}) && p.axes[3] == (compute.PadAxis{}) {
			border := slices.Clone(paddings[1:3])
			for i := range border {
				border[i][0] += p.axes[1+i].Start
				border[i][1] += p.axes[1+i].End
			}
			from.x, from.window = p.x, window(border)
		}
		out.half = false
		mean, err := f.window("AveragePool", from.x, out.layout, false, append(slices.Clone(from.window), onnx.Int("count_include_pad", 1)))
		if err != nil {
			return nil, err
		}
		pixels := f.engine.graph.Constant("pixels", onnx.Scalar(onnx.Float32, float64(from.pixels)))
		out.tensor, out.from = f.engine.graph.Node("Mul", []string{mean, pixels}), from
		return out, nil
	}
	return nil, fmt.Errorf("windows that are joined by %s cannot be written as ONNX yet", reduction)
}

// window records a pooling.
func (f *function) window(op string, x *value, layout []int, half bool, attributes []onnx.Attribute) (string, error) {
	name, err := f.use(x, layout, half)
	if err != nil {
		return "", err
	}
	return f.engine.graph.Node(op, []string{name}, attributes...), nil
}
