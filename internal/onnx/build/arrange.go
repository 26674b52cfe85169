package build

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
)

// The operators that move values.

// axisOf is an axis that an attribute names, counted from 0.
func axisOf(n *onnx.Node, absent, rank int) int {
	axis, err := n.Axis(absent, rank)
	if err != nil {
		panic(err)
	}
	return axis
}

func reshape(b *builder, n *onnx.Node, in []*Value) []*Value {
	to := optional(in, 1)
	if to == nil { // as version 1 had it
		panic(errors.New("it has no shape"))
	}
	dims, err := onnx.ReshapeDims(n, in[0].dims, to.Ints())
	if err != nil {
		panic(err)
	}
	return []*Value{in[0].reshaped(dims)}
}

func flatten(b *builder, n *onnx.Node, in []*Value) []*Value {
	axis, err := onnx.FlattenAxis(n, len(in[0].dims))
	if err != nil {
		panic(err)
	}
	return []*Value{in[0].reshaped([]int{sizeOf(in[0].dims[:axis]), sizeOf(in[0].dims[axis:])})}
}

func squeeze(_ *builder, n *onnx.Node, in []*Value) []*Value {
	dims, err := onnx.SqueezeDims(n, in[0].dims, optional(in, 1))
	if err != nil {
		panic(err)
	}
	return []*Value{in[0].reshaped(dims)}
}

func unsqueeze(_ *builder, n *onnx.Node, in []*Value) []*Value {
	dims, err := onnx.UnsqueezeDims(n, in[0].dims, optional(in, 1))
	if err != nil {
		panic(err)
	}
	return []*Value{in[0].reshaped(dims)}
}

// shape is known when the program is built: of Shape, and of Size.
func shape(b *builder, n *onnx.Node, in []*Value) []*Value {
	made, err := onnx.Apply(&onnx.Node{Op: "Constant", Attributes: []onnx.Attribute{onnx.Ints("value_ints", in[0].dims...)}}, nil)
	if err == nil && n.Op == "Size" {
		made, err = onnx.Apply(&onnx.Node{Op: "ReduceProd", Attributes: []onnx.Attribute{onnx.Int("keepdims", 0)}}, made)
	} else if err == nil {
		at := func(i int) int {
			if i < 0 {
				i += len(in[0].dims)
			}
			return min(max(i, 0), len(in[0].dims))
		}
		from := at(n.IntOr("start", 0))
		made[0] = onnx.IntVector(in[0].dims[from:max(from, at(n.IntOr("end", len(in[0].dims))))]...)
	}
	if err != nil {
		panic(err)
	}
	return []*Value{b.constant(made[0])}
}

// cut is what a range takes of an axis.
func (v *Value) cut(axis int, r onnx.Range) *Value {
	if r.Start == 0 && r.Count == v.dims[axis] && r.Step == 1 {
		return v
	}
	if r.Count == 0 { // which exporters put beside others
		dims := slices.Clone(v.dims)
		dims[axis] = 0
		return v.b.constant(onnx.NewArray(v.typ, dims...))
	}
	x := v.at()
	if r.Step < 0 {
		x = Reverse(x, v.place(axis))
		r.Start, r.Step = v.dims[axis]-1-r.Start, -r.Step
	}
	end := r.Start + (r.Count-1)*r.Step + 1
	return v.b.made(v.typ, SliceAxis(x, v.place(axis), AxisRange(r.Start, end).Stride(r.Step)), v.order)
}

func slice(_ *builder, n *onnx.Node, in []*Value) []*Value {
	ranges, err := onnx.Ranges(n, in[0].dims, optional(in, 1), optional(in, 2), optional(in, 3), optional(in, 4))
	if err != nil {
		panic(err)
	}
	v := in[0]
	for axis, r := range ranges {
		v = v.cut(axis, r)
	}
	return []*Value{v}
}

func split(_ *builder, n *onnx.Node, in []*Value) (out []*Value) {
	axis, parts, err := onnx.Parts(n, in[0].dims, optional(in, 1))
	if err != nil {
		panic(err)
	}
	start := 0
	for _, count := range parts {
		out = append(out, in[0].cut(axis, onnx.Range{Start: start, Count: count, Step: 1}))
		start += count
	}
	return out
}

func concat(b *builder, n *onnx.Node, in []*Value) []*Value {
	axis := axisOf(n, 0, len(in[0].dims))
	var parts []*Value
	for _, v := range in {
		if sizeOf(v.dims) > 0 {
			parts = append(parts, v)
		}
	}
	return []*Value{b.beside(axis, parts)}
}

// beside puts values one behind the other along an axis.
func (b *builder) beside(axis int, parts []*Value) *Value {
	switch len(parts) {
	case 0:
		panic(errors.New("there is nothing to put together"))
	case 1:
		return parts[0]
	}
	order := parts[0].order
	for _, v := range parts {
		if !v.known() {
			order = v.order
			break
		}
	}
	nodes := make([]*Node, len(parts))
	for i, v := range parts {
		if v.at(); len(v.order) != len(order) {
			panic(fmt.Errorf("%v does not go beside %v", v.dims, parts[0].dims))
		}
		nodes[i] = v.arranged(order)
	}
	return b.made(parts[0].typ, Concatenate(nodes, slices.Index(order, axis)), order)
}

// mostWeights is the size of a matrix that selects or mixes.
const mostWeights = 1 << 24

// manyRuns is from how many runs of neighbours on it is faster to select by a product.
const manyRuns = 64

// take is the value with those places of an axis that are listed, any number of times.
func (v *Value) take(axis int, places []int) *Value {
	var runs []onnx.Range
	for _, at := range places {
		if last := len(runs) - 1; last >= 0 && runs[last].Start+runs[last].Count == at {
			runs[last].Count++
		} else {
			runs = append(runs, onnx.Range{Start: at, Count: 1, Step: 1})
		}
	}
	if len(runs) > manyRuns {
		if len(places) > mostWeights/v.dims[axis] {
			panic(fmt.Errorf("it takes %d values of %d", len(places), v.dims[axis]))
		}
		weights := make([][]float64, len(places))
		for i, at := range places {
			weights[i] = make([]float64, v.dims[axis])
			weights[i][at] = 1
		}
		return v.mixed(axis, weights)
	}
	parts := make([]*Value, len(runs))
	for i, r := range runs {
		parts[i] = v.cut(axis, r)
	}
	return v.b.beside(axis, parts)
}

// mixed is the value whose places along an axis are sums of v's, with weights [to][from].
func (v *Value) mixed(axis int, weights [][]float64) *Value {
	w := onnx.NewArray(onnx.Float32, len(weights), v.dims[axis])
	for i, row := range weights {
		copy(w.Data[i*v.dims[axis]:], row)
	}
	x, place := v.at(), v.place(axis)
	if x.DType() == dtypes.Bool {
		panic(errors.New("it selects among booleans"))
	}
	y := DotGeneral(x, []int{place}, nil, v.b.literal(w), []int{1}, nil) // the other axes, then this one
	return v.b.made(v.typ, y, append(slices.Delete(slices.Clone(v.order), place, place+1), axis))
}

func gather(_ *builder, n *onnx.Node, in []*Value) []*Value {
	list := optional(in, 1)
	axis, places, err := onnx.Places(n, in[0].dims, list)
	if err != nil {
		panic(err)
	}
	dims := slices.Concat(in[0].dims[:axis], list.Dims, in[0].dims[axis+1:])
	return []*Value{in[0].take(axis, places).reshaped(dims)}
}

func tile(b *builder, _ *onnx.Node, in []*Value) []*Value {
	v := in[0]
	for axis, times := range in[1].array().Ints() {
		if times < 1 || times > 1<<16 {
			panic(fmt.Errorf("%d times", times))
		}
		v = b.beside(axis, slices.Repeat([]*Value{v}, times))
	}
	return []*Value{v}
}

// expand repeats axes of length 1.
func expand(b *builder, _ *onnx.Node, in []*Value) []*Value {
	dims := commonShape(in[0].dims, in[1].array().Ints())
	order := identity(len(dims))
	return []*Value{b.made(in[0].typ, BroadcastToDims(in[0].spread(order), dims...), order)}
}

// pad adds a constant around, or repeats what lies at the border.
func pad(b *builder, n *onnx.Node, in []*Value) []*Value {
	before, behind, err := onnx.Padding(n, in[0].dims, optional(in, 1), optional(in, 3))
	if err != nil {
		panic(err)
	}
	mode, v := n.StringOr("mode", "constant"), in[0]
	for axis, d := range v.dims {
		if mode != "constant" && (before[axis] != 0 || behind[axis] != 0) {
			if before[axis]+behind[axis] > 1<<16 {
				panic(fmt.Errorf("%d and %d are no pads of %d values", before[axis], behind[axis], d))
			}
			places, err := onnx.PadPlaces(mode, d, before[axis], behind[axis])
			if err != nil {
				panic(err)
			}
			v = v.take(axis, places)
			before[axis], behind[axis] = 0, 0
		}
		if before[axis] < 0 || behind[axis] < 0 {
			v = v.cut(axis, onnx.Range{Start: max(0, -before[axis]), Count: d + min(0, before[axis]) + min(0, behind[axis]), Step: 1})
		}
	}
	if !slices.ContainsFunc(slices.Concat(before, behind), func(p int) bool { return p > 0 }) {
		return []*Value{v}
	}
	fill := n.FloatOr("value", 0)
	if a := optional(in, 2); a != nil {
		fill = a.Data[0]
	}
	size := 1
	x, borders := v.at(), make([]PadAxis, len(v.dims))
	for axis, d := range v.dims {
		borders[v.place(axis)] = PadAxis{Start: max(0, before[axis]), End: max(0, behind[axis])}
		if size *= d + max(0, before[axis]) + max(0, behind[axis]); size > mostValues {
			panic(errors.New("it makes too large a tensor"))
		}
	}
	return []*Value{b.made(v.typ, Pad(x, Scalar(b.graph, x.DType(), fill), borders...), v.order)}
}

// depthToSpace makes of channels blocks of pixels.
func depthToSpace(b *builder, n *onnx.Node, in []*Value) []*Value {
	s, d := n.IntOr("blocksize", 1), in[0].dims
	if s < 1 || d[1]%(s*s) != 0 {
		panic(fmt.Errorf("%d channels do not become blocks of %d pixels", d[1], s))
	}
	c := d[1] / (s * s)
	if n.StringOr("mode", "DCR") == "CRD" {
		v := in[0].reshaped([]int{d[0], c, s, s, d[2], d[3]}).transposed([]int{0, 1, 4, 2, 5, 3})
		return []*Value{v.reshaped([]int{d[0], c, d[2] * s, d[3] * s})}
	}
	v := in[0].reshaped([]int{d[0], s, s, c, d[2], d[3]}).transposed([]int{0, 3, 4, 1, 5, 2})
	return []*Value{v.reshaped([]int{d[0], c, d[2] * s, d[3] * s})}
}

// spaceToDepth makes of blocks of pixels channels.
func spaceToDepth(b *builder, n *onnx.Node, in []*Value) []*Value {
	s, d := n.IntOr("blocksize", 1), in[0].dims
	if s < 1 || d[2]%s != 0 || d[3]%s != 0 {
		panic(fmt.Errorf("%d x %d pixels are not made of blocks of %d", d[2], d[3], s))
	}
	v := in[0].reshaped([]int{d[0], d[1], d[2] / s, s, d[3] / s, s}).transposed([]int{0, 3, 5, 1, 2, 4})
	return []*Value{v.reshaped([]int{d[0], d[1] * s * s, d[2] / s, d[3] / s})}
}
