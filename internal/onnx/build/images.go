package build

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
)

// The operators on images. They want them as [N, H, W, C], where C is the second axis of the file.

// pixelsFirst is that order.
var pixelsFirst = []int{0, 2, 3, 1}

// picture is the node of images, in that order.
func (v *Value) picture() *Node {
	if len(v.dims) != 4 {
		panic(fmt.Errorf("%v are no images; want [N, C, H, W]", v.dims))
	}
	return v.arranged(pixelsFirst)
}

var convAxes = compute.ConvolveAxesConfig{
	InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
	KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
	OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
}

func conv(b *builder, n *onnx.Node, in []*Value) []*Value {
	x, w, groups := in[0], in[1], n.IntOr("group", 1)
	if len(x.dims) != 4 || len(w.dims) != 4 || groups < 1 || x.dims[1] != groups*w.dims[1] || w.dims[0]%groups != 0 {
		panic(fmt.Errorf("%v with a kernel of %v in %d groups; want images [N, C, H, W] and [O, C/groups, H, W]", x.dims, w.dims, groups))
	}
	win, err := onnx.WindowOf(n, x.dims[2:], w.dims[2:])
	if err != nil {
		panic(err)
	}
	y := ConvGeneral(x.picture(), b.kernel(w), convAxes, win.Stride[:], paddings(win), nil, win.Dilation[:], groups, 1)
	out := b.made(x.typ, y, pixelsFirst)
	if bias := input(in, 2); bias != nil {
		out = b.joined(x.typ, []*Value{out, bias.reshaped([]int{w.dims[0], 1, 1})}, func(x []*Node) *Node { return Add(x[0], x[1]) })[0]
	}
	return []*Value{out}
}

// kernel is a kernel [O, I, H, W] as [H, W, I, O].
func (b *builder) kernel(w *Value) *Node {
	if !w.known() {
		return w.arranged([]int{2, 3, 1, 0})
	}
	o, i, h, k := w.dims[0], w.dims[1], w.dims[2], w.dims[3]
	turned := func() []float32 {
		from := w.floats()
		to := make([]float32, len(from))
		for at, v := range from { // at = ((o I + i) H + h) W + k
			to[(at%(h*k)*i+at/(h*k)%i)*o+at/(i*h*k)] = v
		}
		return to
	}
	if w.weight != nil {
		return b.variable(w.weight.key+".kernel", []int{h, k, i, o}, turned)
	}
	return b.literal(onnx.FromFloat32(turned(), h, k, i, o))
}

func maxPool(b *builder, n *onnx.Node, in []*Value) []*Value {
	x := in[0].picture()
	win, err := onnx.WindowOf(n, in[0].dims[2:], n.IntsOr("kernel_shape", 2, 1))
	if err != nil {
		panic(err)
	}
	if n.IntOr("storage_order", 0) != 0 {
		panic(fmt.Errorf("storage_order is not known"))
	}
	if win.Dilation != [2]int{1, 1} {
		pads := slices.Concat([][2]int{{}}, paddings(win), [][2]int{{}})
		y := BackendReduceWindow(x, compute.ReduceOpMax, []int{1, win.Kernel[0], win.Kernel[1], 1}, []int{1, win.Stride[0], win.Stride[1], 1}, nil, []int{1, win.Dilation[0], win.Dilation[1], 1}, pads)
		return []*Value{b.made(in[0].typ, y, pixelsFirst)}
	}
	y := MaxPool(x).WindowPerAxis(win.Kernel[:]...).StridePerAxis(win.Stride[:]...).PaddingPerDim(paddings(win)).Done()
	return []*Value{b.made(in[0].typ, y, pixelsFirst)}
}

// averagePool divides by the pixels inside, or with count_include_pad by those of the window.
func averagePool(b *builder, n *onnx.Node, in []*Value) []*Value {
	x := in[0].picture()
	win, err := onnx.WindowOf(n, in[0].dims[2:], n.IntsOr("kernel_shape", 2, 1))
	if err != nil {
		panic(err)
	}
	if win.Dilation != [2]int{1, 1} {
		panic(fmt.Errorf("dilations are not known"))
	}
	counts := onnx.NewArray(onnx.Float32, 1, win.Out[0], win.Out[1], 1)
	pads := n.IntOr("count_include_pad", 0) != 0
	rows, columns := win.Counts(0, in[0].dims[2], pads), win.Counts(1, in[0].dims[3], pads)
	for i := range counts.Data {
		counts.Data[i] = rows[i/win.Out[1]] * columns[i%win.Out[1]]
	}
	border := func(axis int) PadAxis { return PadAxis{Start: win.Before[axis], End: win.After[axis]} }
	if win.Before != [2]int{} || win.After != [2]int{} {
		x = Pad(x, ScalarZero(b.graph, x.DType()), PadAxis{}, border(0), border(1), PadAxis{})
	}
	y := Div(SumPool(x).WindowPerAxis(win.Kernel[:]...).StridePerAxis(win.Stride[:]...).Done(), b.literal(counts))
	return []*Value{b.made(in[0].typ, y, pixelsFirst)}
}

// paddings are what GoMLX wants of a window.
func paddings(w onnx.Window) [][2]int {
	return [][2]int{{w.Before[0], w.After[0]}, {w.Before[1], w.After[1]}}
}

// global reduces all pixels.
func global(f func(*Node, ...int) *Node) operator {
	return func(b *builder, _ *onnx.Node, in []*Value) []*Value {
		v := in[0]
		var axes []int
		for axis := 2; axis < len(v.dims); axis++ {
			axes = append(axes, axis)
		}
		return []*Value{b.reduced(v, f, axes, true)}
	}
}

// reduced reduces axes, which stay with a length of 1 if keep says so.
func (b *builder) reduced(v *Value, f func(*Node, ...int) *Node, axes []int, keep bool) *Value {
	if len(axes) == 0 {
		return v
	}
	x := v.at()
	var places, order []int
	for _, axis := range v.order {
		if slices.Contains(axes, axis) {
			continue
		}
		order = append(order, axis)
	}
	for _, axis := range axes {
		places = append(places, v.place(axis))
	}
	y := f(x, places...)
	if keep {
		dims := slices.Clone(x.Shape().Dimensions)
		for _, place := range places {
			dims[place] = 1
		}
		return b.made(v.typ, Reshape(y, dims...), v.order)
	}
	for i, axis := range order { // counted among those that are left
		for _, gone := range axes {
			if gone < axis {
				order[i]--
			}
		}
	}
	return b.made(v.typ, y, order)
}

func reduction(f func(*Node, ...int) *Node) operator {
	return func(b *builder, n *onnx.Node, in []*Value) []*Value {
		axes, err := n.Axes(optional(in, 1), len(in[0].dims))
		if err != nil {
			panic(err)
		}
		if len(axes) == 0 && n.IntOr("noop_with_empty_axes", 0) == 0 {
			axes = identity(len(in[0].dims))
		}
		slices.Sort(axes)
		return []*Value{b.reduced(in[0], f, slices.Compact(axes), n.IntOr("keepdims", 1) != 0)}
	}
}

func sumOfSquares(x *Node, axes ...int) *Node { return ReduceSum(Square(x), axes...) }

// resize makes axes longer or shorter, one after the other.
func resize(b *builder, n *onnx.Node, in []*Value) []*Value {
	atScales, atSizes := onnx.ResizeInputs(in)
	var sizes *onnx.Array
	if atSizes > 0 {
		sizes = optional(in, atSizes)
	}
	list, err := onnx.Scalings(n, in[0].dims, optional(in, atScales), sizes)
	if err != nil {
		panic(err)
	}
	v := in[0]
	for axis, s := range list {
		if s.From == s.To && s.Scale == 1 {
			continue
		}
		if s.To > mostWeights/s.From {
			panic(fmt.Errorf("it makes %d values of %d", s.To, s.From))
		}
		weights, err := s.Weights(n)
		if err != nil {
			panic(err)
		}
		v = v.mixed(axis, weights)
	}
	return []*Value{v}
}
