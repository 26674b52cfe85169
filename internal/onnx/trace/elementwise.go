package trace

import (
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"alike/internal/onnx"
)

// The operations that compute element by element. ONNX repeats axes of length 1 by itself.

// elementwise records such an operation. It stays in float16 where half is set and all tensors
// among its inputs are in it.
func (f *function) elementwise(op string, shape shapes.Shape, half bool, in ...*value) (*value, error) {
	if known(in...) {
		return fold(op, shape, in)
	}
	out := &value{shape: shape, layout: order(shape.Rank()), thin: true}
	widest := -1
	for _, v := range in {
		if v.constant != nil {
			continue
		}
		half = half && (v.half || v.shape.DType != dtypes.Float32)
		out.thin = out.thin && (v.thin || !v.shape.EqualDimensions(shape))
		if v.shape.Rank() == shape.Rank() && v.shape.Size() > widest {
			out.layout, widest = v.layout, v.shape.Size()
		}
	}
	out.half = half && shape.DType == dtypes.Float32
	var err error
	names := make([]string, len(in))
	for i, v := range in {
		layout := out.layout
		if v.shape.Rank() != shape.Rank() {
			layout = order(v.shape.Rank()) // a scalar
		}
		if names[i], err = f.use(v, layout, half); err != nil {
			return nil, err
		}
	}
	out.tensor = f.engine.graph.Node(op, names)
	return out, nil
}

func (f *function) unary(op string, x compute.Value) (compute.Value, error) {
	v := x.(*value)
	return f.elementwise(op, v.shape, false, v)
}

func (f *function) binary(kind compute.OpType, op string, lhs, rhs compute.Value) (*value, error) {
	x, y := lhs.(*value), rhs.(*value)
	shape, err := shapeinference.BinaryOp(kind, x.shape, y.shape)
	if err != nil {
		return nil, err
	}
	return f.elementwise(op, shape, kind == compute.OpTypeAdd, x, y)
}

func (f *function) compare(kind compute.OpType, op string, lhs, rhs compute.Value) (*value, error) {
	x, y := lhs.(*value), rhs.(*value)
	shape, err := shapeinference.ComparisonOp(kind, x.shape, y.shape)
	if err != nil {
		return nil, err
	}
	return f.elementwise(op, shape, false, x, y)
}

func (f *function) Abs(x compute.Value) (compute.Value, error)  { return f.unary("Abs", x) }
func (f *function) Exp(x compute.Value) (compute.Value, error)  { return f.unary("Exp", x) }
func (f *function) Log(x compute.Value) (compute.Value, error)  { return f.unary("Log", x) }
func (f *function) Neg(x compute.Value) (compute.Value, error)  { return f.unary("Neg", x) }
func (f *function) Sqrt(x compute.Value) (compute.Value, error) { return f.unary("Sqrt", x) }

// Identity is no operation; it only stops gradients.
func (f *function) Identity(x compute.Value) (compute.Value, error) { return x, nil }

func (f *function) Sub(x, y compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeSub, "Sub", x, y)
}

func (f *function) Div(x, y compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeDiv, "Div", x, y)
}

func (f *function) Max(x, y compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeMax, "Max", x, y)
}

func (f *function) Min(x, y compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeMin, "Min", x, y)
}

// Add puts a bias into the product before it.
func (f *function) Add(x, y compute.Value) (compute.Value, error) {
	sum, err := f.binary(compute.OpTypeAdd, "Add", x, y)
	if err != nil {
		return nil, err
	}
	for _, pair := range [][2]*value{{x.(*value), y.(*value)}, {y.(*value), x.(*value)}} {
		p, isProduct := pair[0].from.(*product)
		if bias := pair[1]; isProduct && bias.constant != nil && perChannel(bias.constant.Dims, p.channel, pair[0].shape) {
			flat := &value{shape: shapes.Make(dtypes.Float32, pair[0].shape.Dim(p.channel)), name: bias.name,
				constant: &onnx.Array{Type: onnx.Float32, Dims: []int{len(bias.constant.Data)}, Data: bias.constant.Data}}
			name, err := f.use(flat, []int{0}, pair[0].half)
			if err != nil {
				return nil, err
			}
			joined := *pair[0]
			joined.tensor, joined.from = f.engine.graph.named(p.name, p.op, append(slices.Clone(p.inputs), name), p.attributes...), nil
			return &joined, nil
		}
	}
	return sum, nil
}

// perChannel says whether a constant has a value for each place on one axis of a shape.
func perChannel(dims []int, channel int, shape shapes.Shape) bool {
	for i, d := range dims {
		if i == channel && d != shape.Dim(channel) || i != channel && d != 1 {
			return false
		}
	}
	return len(dims) == shape.Rank()
}

// Mul makes a mean of a sum that is divided by the number of its terms.
func (f *function) Mul(x, y compute.Value) (compute.Value, error) {
	for _, pair := range [][2]*value{{x.(*value), y.(*value)}, {y.(*value), x.(*value)}} {
		switch from := pair[0].from.(type) {
		case *summed:
			if isShare(pair[1], from.count) {
				return f.reduce("ReduceMean", from.x, from.axes)
			}
		case *windowed:
			if isShare(pair[1], from.pixels) {
				mean := *pair[0]
				mean.from = nil
				var err error
				mean.tensor, err = f.window("AveragePool", from.x, mean.layout, mean.half, append(slices.Clone(from.window), onnx.Int("count_include_pad", 1)))
				return &mean, err
			}
		}
	}
	return f.binary(compute.OpTypeMul, "Mul", x, y)
}

// isShare says whether a constant is 1/n.
func isShare(v *value, n int) bool {
	return v.constant != nil && len(v.constant.Data) == 1 && math.Abs(v.constant.Data[0]*float64(n)-1) < 1e-6
}

func (f *function) LessThan(x, y compute.Value) (compute.Value, error) {
	return f.compare(compute.OpTypeLessThan, "Less", x, y)
}

func (f *function) GreaterThan(x, y compute.Value) (compute.Value, error) {
	return f.compare(compute.OpTypeGreaterThan, "Greater", x, y)
}

func (f *function) GreaterOrEqual(x, y compute.Value) (compute.Value, error) {
	return f.compare(compute.OpTypeGreaterOrEqual, "GreaterOrEqual", x, y)
}

func (f *function) Equal(x, y compute.Value) (compute.Value, error) {
	return f.compare(compute.OpTypeEqual, "Equal", x, y)
}

func (f *function) LessOrEqual(x, y compute.Value) (compute.Value, error) {
	v, err := f.compare(compute.OpTypeLessOrEqual, "LessOrEqual", x, y)
	if err == nil {
		v.from = &atMost{x.(*value), y.(*value)}
	}
	return v, err
}

// Where recognises ReLU: 0 where x <= 0, else x.
func (f *function) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	c, yes, no := condition.(*value), onTrue.(*value), onFalse.(*value)
	if yes == no {
		return yes, nil
	}
	if at, ok := c.from.(*atMost); ok && at.x == no && isZero(at.limit) && isZero(yes) {
		return f.elementwise("Relu", no.shape, true, no)
	}
	shape, err := shapeinference.Where(c.shape, yes.shape, no.shape)
	if err != nil {
		return nil, err
	}
	return f.elementwise("Where", shape, false, c, yes, no)
}

func isZero(v *value) bool {
	return v.constant != nil && !slices.ContainsFunc(v.constant.Data, func(x float64) bool { return x != 0 })
}

func (f *function) ConvertDType(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	v := x.(*value)
	shape := v.shape.Clone()
	shape.DType = dtype
	switch {
	case dtype == v.shape.DType:
		return v, nil
	case v.constant != nil:
		return fold("Cast", shape, []*value{v}, onnx.Int("to", int(elemType(dtype))))
	}
	name, err := f.use(v, v.layout, false)
	if err != nil {
		return nil, err
	}
	out := &value{shape: shape, layout: v.layout, thin: v.thin}
	out.tensor = f.engine.graph.Node("Cast", []string{name}, onnx.Int("to", int(elemType(dtype))))
	return out, nil
}
