package simd

import (
	"slices"

	"github.com/gomlx/compute"

	"alike/internal/kernel/conv"
)

// convolution is a recognised ConvGeneral: one of the products of a two-
// dimensional NHWC convolution, as a layer writes it or as GoMLX's autodiff does.
type convolution struct {
	op    product
	shape conv.Shape
	a, b  *value // x and w; dy and w; x and dy
}

// product is one of the three products of a convolution.
type product int

const (
	forward product = iota
	inputGrad
	weightGrad
)

// The axes of the three products: x and dy are NHWC, w is HWIO.
var (
	forwardAxes = compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	inputGradAxes = compute.ConvolveAxesConfig{ // of dy with the reversed w, its channels swapped
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: 3, KernelOutputChannels: 2,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	weightGradAxes = compute.ConvolveAxesConfig{ // of x with dy, channels as batch and batch as channels
		InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0,
		KernelSpatial: []int{1, 2}, KernelInputChannels: 0, KernelOutputChannels: 3,
		OutputBatch: 2, OutputSpatial: []int{0, 1}, OutputChannels: 3,
	}
)

func sameAxes(a, b compute.ConvolveAxesConfig) bool {
	return a.InputBatch == b.InputBatch && a.InputChannels == b.InputChannels && slices.Equal(a.InputSpatial, b.InputSpatial) &&
		a.KernelInputChannels == b.KernelInputChannels && a.KernelOutputChannels == b.KernelOutputChannels && slices.Equal(a.KernelSpatial, b.KernelSpatial) &&
		a.OutputBatch == b.OutputBatch && a.OutputChannels == b.OutputChannels && slices.Equal(a.OutputSpatial, b.OutputSpatial)
}

// pair is a setting of both spatial axes, def where it is not set.
func pair(v []int, def int) [2]int {
	if len(v) != 2 {
		return [2]int{def, def}
	}
	return [2]int{v[0], v[1]}
}

var ones = [2]int{1, 1}

// matchConv recognises a node, or returns nil.
func matchConv(n *node) *convolution {
	attr, ok := n.attrs.(convAttr)
	if !ok || attr.groups != 1 || len(attr.axes.InputSpatial) != 2 || !isFloat32(n.shapes[0]) && !allHalf(n) {
		return nil
	}
	var (
		x, k            = n.inputs[0], n.inputs[1]
		in, kernel, out = x.shape().Dimensions, k.shape().Dimensions, n.shapes[0].Dimensions
		strides         = pair(attr.strides, 1)
		dilation        = pair(attr.kernelDilations, 1)
		inputDilation   = pair(attr.inputDilations, 1)
		pads            = [2][2]int{}
	)
	copy(pads[:], attr.paddings)
	switch {
	case sameAxes(attr.axes, forwardAxes) && inputDilation == ones && dilation == ones:
		return &convolution{forward, conv.Shape{
			N: in[0], H: in[1], W: in[2], C: in[3], KH: kernel[0], KW: kernel[1], O: kernel[3],
			StrideH: strides[0], StrideW: strides[1], PadTop: pads[0][0], PadLeft: pads[1][0], OutH: out[1], OutW: out[2],
		}, x, k}
	case sameAxes(attr.axes, inputGradAxes) && strides == ones && dilation == ones && reverses(k.node, 0, 1) &&
		pads[0][0] < kernel[0] && pads[1][0] < kernel[1]: // or the layer's padding would be negative
		return &convolution{inputGrad, conv.Shape{
			N: out[0], H: out[1], W: out[2], C: out[3], KH: kernel[0], KW: kernel[1], O: kernel[3],
			StrideH: inputDilation[0], StrideW: inputDilation[1],
			PadTop: kernel[0] - 1 - pads[0][0], PadLeft: kernel[1] - 1 - pads[1][0], OutH: in[1], OutW: in[2],
		}, x, k.node.inputs[0]}
	case sameAxes(attr.axes, weightGradAxes) && strides == ones && inputDilation == ones:
		return &convolution{weightGrad, conv.Shape{
			N: in[0], H: in[1], W: in[2], C: in[3], KH: out[0], KW: out[1], O: kernel[3],
			StrideH: dilation[0], StrideW: dilation[1], PadTop: pads[0][0], PadLeft: pads[1][0], OutH: kernel[1], OutW: kernel[2],
		}, x, k}
	}
	return nil
}

// reverses says whether a node reverses exactly these axes.
func reverses(n *node, axes ...int) bool {
	return n.op == compute.OpTypeReverse && slices.Equal(slices.Sorted(slices.Values(n.attrs.(axesAttr))), axes)
}
