package trace

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"alike/internal/onnx"
)

// The operations that move values, and those that join the values of an axis.

// BroadcastInDim repeats nothing: it adds axes of length 1, which those who use the value repeat.
func (f *function) BroadcastInDim(x compute.Value, shape shapes.Shape, axes []int) (compute.Value, error) {
	v := x.(*value)
	dims := slices.Repeat([]int{1}, shape.Rank())
	if v.constant != nil {
		for i, a := range axes {
			dims[a] = v.constant.Dims[i]
		}
		return &value{shape: shape, name: v.name, constant: &onnx.Array{Type: v.constant.Type, Dims: dims, Data: v.constant.Data}}, nil
	}
	thin := false
	for i, a := range axes {
		dims[a] = v.shape.Dim(i)
	}
	for i, d := range dims {
		thin = thin || d != shape.Dim(i)
	}
	out := &value{shape: shape, layout: order(shape.Rank()), thin: thin}
	if v.thin {
		return nil, fmt.Errorf("a value of shape %s that is repeated twice cannot be written as ONNX", v.shape)
	}
	var err error
	if slices.Equal(dims, v.shape.Dimensions) {
		out.tensor, err = f.whole(v)
		return out, err
	}
	out.tensor, err = f.reshape(v, dims)
	return out, err
}

func (f *function) Reshape(x compute.Value, dims ...int) (compute.Value, error) {
	v := x.(*value)
	shape, err := shapeinference.Reshape(v.shape, dims)
	if err != nil || slices.Equal(shape.Dimensions, v.shape.Dimensions) {
		return v, err
	}
	if v.constant != nil {
		full, err := v.full()
		if err != nil {
			return nil, err
		}
		return &value{shape: shape, name: v.name, constant: &onnx.Array{Type: full.constant.Type, Dims: shape.Dimensions, Data: full.constant.Data}}, nil
	}
	out := &value{shape: shape, layout: order(shape.Rank())}
	out.tensor, err = f.reshape(v, shape.Dimensions)
	return out, err
}

// reshape records the operation; one length may depend on the number of images.
func (f *function) reshape(v *value, dims []int) (string, error) {
	name, err := f.whole(v)
	if err != nil {
		return "", err
	}
	open := 0
	dims = slices.Clone(dims)
	for i, d := range dims {
		if isOpen(d) {
			dims[i] = -1
			open++
		}
	}
	if open > 1 {
		return "", fmt.Errorf("the shape %v depends on the number of images in more than one axis, which cannot be written as ONNX", dims)
	}
	return f.engine.graph.Node("Reshape", []string{name, f.engine.graph.Constant("shape", onnx.IntVector(dims...))}), nil
}

// Transpose only says where the axes are.
func (f *function) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	v := x.(*value)
	shape, err := shapeinference.Transpose(v.shape, permutation)
	if err != nil {
		return nil, err
	}
	if v.constant != nil {
		return &value{shape: shape, name: v.name, constant: v.constant.Transpose(permutation)}, nil
	}
	out := *v
	out.shape, out.from, out.layout = shape, nil, make([]int, len(permutation))
	for i, axis := range v.layout {
		out.layout[i] = slices.Index(permutation, axis)
	}
	return &out, nil
}

func (f *function) Iota(shape shapes.Shape, axis int) (compute.Value, error) {
	if slices.ContainsFunc(shape.Dimensions, isOpen) {
		return nil, fmt.Errorf("the numbers of the images, of shape %s, cannot be written as ONNX", shape)
	}
	a := onnx.NewArray(elemType(shape.DType), shape.Dimensions...)
	step := 1
	for _, d := range shape.Dimensions[axis+1:] {
		step *= d
	}
	for i := range a.Data {
		a.Data[i] = float64(i / step % shape.Dim(axis))
	}
	return &value{shape: shape, constant: a}, nil
}

func (f *function) Concatenate(axis int, operands ...compute.Value) (compute.Value, error) {
	var in []*value
	var operandShapes []shapes.Shape
	for _, o := range operands {
		v, err := o.(*value).full()
		if err != nil {
			return nil, err
		}
		in, operandShapes = append(in, v), append(operandShapes, v.shape)
	}
	shape, err := shapeinference.Concatenate(operandShapes, axis)
	if err != nil {
		return nil, err
	}
	if known(in...) {
		return fold("Concat", shape, in, onnx.Int("axis", axis))
	}
	out := &value{shape: shape, layout: order(shape.Rank())}
	for _, v := range in {
		if v.thin {
			return nil, fmt.Errorf("a value of shape %s that is repeated cannot be joined with others in ONNX", v.shape)
		}
		if v.constant == nil {
			out.layout = v.layout
			out.half = out.half || v.half // the few that were averaged follow
		}
	}
	names := make([]string, len(in))
	for i, v := range in {
		if names[i], err = f.use(v, out.layout, out.half); err != nil {
			return nil, err
		}
	}
	out.tensor = f.engine.graph.Node("Concat", names, onnx.Int("axis", slices.Index(out.layout, axis)))
	return out, nil
}

// Pad adds zeros, and no others.
func (f *function) Pad(x, fill compute.Value, axes ...compute.PadAxis) (compute.Value, error) {
	v := x.(*value)
	shape, err := shapeinference.Pad(v.shape, axes...)
	if err != nil {
		return nil, err
	}
	if !isZero(fill.(*value)) || slices.ContainsFunc(axes, func(a compute.PadAxis) bool { return a.Interior != 0 }) || v.constant != nil || v.thin {
		return nil, fmt.Errorf("padding of %s other than by zeros around it cannot be written as ONNX yet", v.shape)
	}
	pads := make([]int, 2*len(v.layout))
	for i, axis := range v.layout {
		if axis < len(axes) {
			pads[i], pads[len(v.layout)+i] = axes[axis].Start, axes[axis].End
		}
	}
	name, err := f.use(v, v.layout, false)
	if err != nil {
		return nil, err
	}
	out := &value{shape: shape, layout: v.layout, from: &padded{v, axes}}
	out.tensor = f.engine.graph.Node("Pad", []string{name, f.engine.graph.Constant("pads", onnx.IntVector(pads...))})
	return out, nil
}

func (f *function) ReduceSum(x compute.Value, axes ...int) (compute.Value, error) {
	v := x.(*value)
	out, err := f.reduce("ReduceSum", v, axes)
	if err == nil && out.constant == nil {
		out.from = &summed{v, axes, v.shape.Size() / out.shape.Size()}
	}
	return out, err
}

func (f *function) ReduceMax(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduce("ReduceMax", x.(*value), axes)
}

func (f *function) ReduceMin(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduce("ReduceMin", x.(*value), axes)
}

// reduce joins the values along axes, which are then gone; in float32.
func (f *function) reduce(op string, v *value, axes []int) (*value, error) {
	if len(axes) == 0 {
		axes = order(v.shape.Rank())
	}
	shape, err := shapeinference.Reduce(v.shape, axes)
	if err != nil {
		return nil, err
	}
	if v, err = v.full(); err != nil {
		return nil, err
	}
	if v.constant != nil {
		return fold(op, shape, []*value{v, {constant: onnx.IntVector(axes...)}}, onnx.Int("keepdims", 0))
	}
	for _, a := range axes {
		if v.thin || isOpen(v.shape.Dim(a)) {
			return nil, fmt.Errorf("a value that depends on the number of images, of shape %s over the axes %v, cannot be written as ONNX", v.shape, axes)
		}
	}
	name, err := f.use(v, v.layout, false)
	if err != nil {
		return nil, err
	}
	out := &value{shape: shape}
	var places []int // of the axes in the tensor
	for place, axis := range v.layout {
		if slices.Contains(axes, axis) {
			places = append(places, place)
			continue
		}
		before := 0 // axes before this one that are gone
		for _, a := range axes {
			if a < axis {
				before++
			}
		}
		out.layout = append(out.layout, axis-before)
	}
	out.tensor = f.engine.graph.Node(op, []string{name, f.engine.graph.Constant("axes", onnx.IntVector(places...))}, onnx.Int("keepdims", 0))
	return out, nil
}
