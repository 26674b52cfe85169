package trace

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"

	"alike/internal/onnx"
)

// value is what an operation makes, as compute.Value: a constant, or a tensor of the graph.
type value struct {
	shape shapes.Shape // in the program

	// constant may have axes of length 1 where the shape is longer. Its name is that of a weight, or empty.
	constant *onnx.Array
	name     string

	tensor string
	layout []int // axis i of the tensor is axis layout[i] of the shape
	half   bool  // float16 in the graph
	thin   bool  // the tensor has axes of length 1 where the shape is longer

	from any // what made it, where others look for that
}

// What values are made from, for those who recognise more in it.
type (
	// atMost is x <= limit, or x < limit.
	atMost struct{ x, limit *value }
	// summed is a sum over axes, of count values each.
	summed struct {
		x     *value
		axes  []int
		count int
	}
	// windowed is a sum over the pixels of a window.
	windowed struct {
		x      *value // which is padded by the window's border
		window []onnx.Attribute
		pixels int
	}
	// padded is x with zeros around.
	padded struct {
		x    *value
		axes []compute.PadAxis
	}
	// product is a convolution, or a product of matrices, that a bias may join.
	product struct {
		name, op   string
		inputs     []string
		attributes []onnx.Attribute
		channel    int // the axis of the outputs
	}
)

// form is a value as a node takes it.
type form struct {
	v      *value
	layout string
	half   bool
}

// function implements compute.Function by recording.
type function struct {
	notimplemented.Function
	builder *builder
	engine  *Engine
}

func (f *function) Builder() compute.Builder { return f.builder }

func (f *function) Shape(v compute.Value) (shapes.Shape, error) {
	x, ok := v.(*value)
	if !ok {
		return shapes.Invalid(), fmt.Errorf("%v is no value of this program", v)
	}
	return x.shape, nil
}

func (f *function) Parameter(name string, shape shapes.Shape, _ *compute.ShardingSpec) (compute.Value, error) {
	if w := f.engine.weights(name); w != nil {
		if len(w.Flat) != shape.Size() {
			return nil, fmt.Errorf("weight %s has %d values, want %s", w.Name, len(w.Flat), shape)
		}
		return &value{shape: shape, constant: onnx.FromFloat32(w.Flat, shape.Dimensions...), name: w.Name}, nil
	}
	if f.engine.inputs++; f.engine.inputs == 1 && shape.DType == dtypes.Float32 && shape.Rank() > 0 && shape.Dim(0) == Batch {
		switch {
		case shape.Rank() == 4 && shape.Dim(3) == 3:
			return &value{shape: shape, tensor: f.engine.images(shape.Dim(1), shape.Dim(2)), layout: []int{0, 3, 1, 2}}, nil
		case shape.Rank() == 2 && !f.engine.options.Uint8 && f.engine.options.Prepare == nil:
			return &value{shape: shape, tensor: f.engine.features(shape.Dim(1)), layout: order(2)}, nil
		}
	}
	return nil, fmt.Errorf("the parameter %s %s is neither a weight nor the input", name, shape)
}

// features declares the graph's input where it is vectors.
func (e *Engine) features(dim int) string {
	e.graph.graph.Inputs = []onnx.ValueInfo{{Name: e.graph.unique(FeaturesName), Type: onnx.Float32, Dims: []onnx.Dim{{Name: batchName}, {Size: dim}}}}
	return FeaturesName
}

// images declares the graph's input and returns the images in it, [N, 3, H, W] in [0, 1].
func (e *Engine) images(height, width int) string {
	g := e.graph
	sides := []onnx.Dim{{Size: height}, {Size: width}}
	if e.options.Prepare != nil {
		sides = []onnx.Dim{{Name: "H"}, {Name: "W"}}
	}
	info := onnx.ValueInfo{Name: g.unique(ImagesName), Type: onnx.Float32, Dims: []onnx.Dim{{Name: batchName}, {Size: 3}, sides[0], sides[1]}}
	images := info.Name
	if e.options.Uint8 {
		info.Type, info.Dims = onnx.Uint8, []onnx.Dim{{Name: batchName}, sides[0], sides[1], {Size: 3}}
		images = g.Node("Transpose", []string{images}, onnx.Ints("perm", 0, 3, 1, 2))
		images = g.Node("Cast", []string{images}, onnx.Int("to", int(onnx.Float32)))
		images = g.Node("Div", []string{images, g.Constant("white", onnx.Scalar(onnx.Float32, 255))})
	}
	g.graph.Inputs = []onnx.ValueInfo{info}
	if e.options.Prepare != nil {
		images = e.options.Prepare(g, images)
	}
	return images
}

func (f *function) Constant(flat any, dims ...int) (compute.Value, error) {
	var dtype dtypes.DType
	var a *onnx.Array
	switch x := flat.(type) {
	case []float32:
		dtype, a = dtypes.Float32, onnx.FromFloat32(x, dims...)
	case []int32:
		dtype, a = dtypes.Int32, fromSlice(onnx.Int32, x, dims)
	case []int64:
		dtype, a = dtypes.Int64, fromSlice(onnx.Int64, x, dims)
	default:
		return nil, fmt.Errorf("a constant of type %T cannot be written as ONNX yet", flat)
	}
	return &value{shape: shapes.Make(dtype, dims...), constant: a}, nil
}

func fromSlice[T int32 | int64](t onnx.ElemType, x []T, dims []int) *onnx.Array {
	a := onnx.NewArray(t, dims...)
	for i, v := range x {
		a.Data[i] = float64(v)
	}
	return a
}

// Return implements compute.Function. GoMLX panics at an error here, so a fault is left to Model.
func (f *function) Return(outputs []compute.Value, _ []*compute.ShardingSpec) error {
	f.engine.fault = f.output(outputs)
	return nil
}

// output makes the one output float32, with its axes in the program's order.
func (f *function) output(outputs []compute.Value) error {
	if len(outputs) != 1 || len(f.engine.graph.graph.Outputs) > 0 {
		return errors.New("a program that is written as ONNX has one output")
	}
	out := outputs[0].(*value)
	if out.constant != nil {
		return errors.New("the output does not depend on the images")
	}
	tensor, err := f.whole(out)
	if err != nil {
		return err
	}
	if tensor == f.engine.graph.graph.Inputs[0].Name { // the program does nothing
		tensor = f.engine.graph.Node("Identity", []string{tensor})
	}
	var dims []onnx.Dim
	for _, d := range out.shape.Dimensions {
		if d%Batch == 0 {
			dims = append(dims, onnx.Dim{Name: batchName})
		} else {
			dims = append(dims, onnx.Dim{Size: d})
		}
	}
	f.engine.graph.output(tensor, dims)
	return nil
}

// elemType is the type in the graph of values that are not float16.
func elemType(t dtypes.DType) onnx.ElemType {
	switch t {
	case dtypes.Bool:
		return onnx.Bool
	case dtypes.Int32:
		return onnx.Int32
	case dtypes.Int64:
		return onnx.Int64
	}
	return onnx.Float32
}

// order is the layout in which axes are the program's.
func order(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// use returns the name of the value's tensor in a layout, in float16 or not: its own, or one that is
// made from it once.
func (f *function) use(v *value, layout []int, half bool) (string, error) {
	g := f.engine.graph
	half = half && v.shape.DType == dtypes.Float32
	key := form{v, fmt.Sprint(layout), half}
	if name, ok := f.engine.forms[key]; ok {
		return name, nil
	}
	name := v.tensor
	if v.constant != nil {
		a := v.constant
		if len(a.Dims) == len(layout) {
			a = a.Transpose(layout)
		}
		if half {
			a = a.As(onnx.Float16)
			if slices.ContainsFunc(a.Data, func(x float64) bool { return math.IsInf(x, 0) }) {
				return "", fmt.Errorf("%s has values beyond 65504, the largest of fp16: export it as fp32", v.describe())
			}
		}
		name = g.Constant(v.describe(), a)
	} else {
		if !slices.Equal(layout, v.layout) {
			permutation := make([]int, len(layout))
			for i, axis := range layout {
				permutation[i] = slices.Index(v.layout, axis)
			}
			name = g.Node("Transpose", []string{name}, onnx.Ints("perm", permutation...))
		}
		if half != v.half {
			to := onnx.Float32
			if half {
				to = onnx.Float16
			}
			name = g.Node("Cast", []string{name}, onnx.Int("to", int(to)))
		}
	}
	f.engine.forms[key] = name
	return name, nil
}

// describe names a constant.
func (v *value) describe() string {
	if v.name != "" {
		return v.name
	}
	return "constant"
}

// whole is the tensor of a value in the program's order, float32, with every axis as long as the program says.
func (f *function) whole(v *value) (string, error) {
	if v.thin {
		return "", fmt.Errorf("a value of shape %s that is repeated cannot be written as ONNX here", v.shape)
	}
	v, err := v.full()
	if err != nil {
		return "", err
	}
	return f.use(v, order(v.shape.Rank()), false)
}

// full is a value whose constant is as long as its shape.
func (v *value) full() (*value, error) {
	if v.constant == nil || slices.Equal(v.constant.Dims, v.shape.Dimensions) {
		return v, nil
	}
	if slices.ContainsFunc(v.shape.Dimensions, isOpen) {
		return nil, fmt.Errorf("a constant for each image, of shape %s, cannot be written as ONNX", v.shape)
	}
	a, err := v.constant.Broadcast(v.shape.Dimensions)
	return &value{shape: v.shape, constant: a, name: v.name}, err
}

// isOpen says whether a length depends on the number of images.
func isOpen(d int) bool { return d > 0 && d%Batch == 0 }

// fold computes an operation on constants.
func fold(op string, shape shapes.Shape, in []*value, attributes ...onnx.Attribute) (*value, error) {
	arrays := make([]*onnx.Array, len(in))
	for i, v := range in {
		arrays[i] = v.constant
	}
	made, err := onnx.Apply(&onnx.Node{Op: op, Attributes: attributes}, arrays)
	if err != nil {
		return nil, err
	}
	return &value{shape: shape, constant: made[0]}, nil
}

// known says whether all are constants.
func known(in ...*value) bool {
	return !slices.ContainsFunc(in, func(v *value) bool { return v.constant == nil })
}
