package build

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
)

// operator builds a node, of whose inputs some depends on the images. Inputs that are left out are nil.
type operator func(b *builder, n *onnx.Node, in []*Value) []*Value

var operators = map[string]operator{
	"Abs": unary(Abs), "Exp": unary(Exp), "Log": unary(Log), "Neg": unary(Neg), "Sqrt": unary(Sqrt), "Floor": unary(Floor), "Ceil": unary(Ceil),
	"Round": unary(Round), "Reciprocal": unary(Reciprocal), "Sin": unary(Sin), "Cos": unary(Cos), "Sigmoid": unary(Sigmoid), "Tanh": unary(Tanh), "Erf": unary(Erf),
	"Sign": unary(Sign), "Relu": unary(relu), "Softplus": unary(softplus),
	"HardSwish": unary(func(x *Node) *Node { return Mul(x, unit(AddScalar(MulScalar(x, 1./6), 0.5))) }),
	"Mish":      unary(func(x *Node) *Node { return Mul(x, Tanh(softplus(x))) }),
	"Softsign":  unary(func(x *Node) *Node { return Div(x, OnePlus(Abs(x))) }),
	"Not":       unary(LogicalNot),
	"Gelu":      gelu, "HardSigmoid": hardSigmoid, "LeakyRelu": leakyRelu, "Elu": elu, "Selu": selu, "PRelu": pairwise(func(x, slope *Node) *Node {
		return Add(relu(x), Mul(slope, MinScalar(x, 0)))
	}),
	"Clip": clip, "Cast": cast, "Where": where,

	"Add": pairwise(Add), "Sub": pairwise(Sub), "Mul": pairwise(Mul), "Div": divide, "Pow": power, "Mod": modulo,
	"Max": several(Max), "Min": several(Min), "Sum": several(Add), "Mean": mean,
	"Less": comparison(LessThan), "LessOrEqual": comparison(LessOrEqual), "Greater": comparison(GreaterThan), "GreaterOrEqual": comparison(GreaterOrEqual),
	"Equal": comparison(Equal), "And": comparison(LogicalAnd), "Or": comparison(LogicalOr), "Xor": comparison(LogicalXor),

	"ReduceSum": reduction(ReduceSum), "ReduceMean": reduction(ReduceMean), "ReduceMax": reduction(ReduceMax), "ReduceMin": reduction(ReduceMin),
	"ReduceProd": reduction(ReduceMultiply), "ReduceL1": reduction(func(x *Node, axes ...int) *Node { return ReduceSum(Abs(x), axes...) }),
	"ReduceSumSquare": reduction(sumOfSquares), "ReduceL2": reduction(func(x *Node, axes ...int) *Node { return Sqrt(sumOfSquares(x, axes...)) }),
	"Softmax": softmax, "LogSoftmax": softmax, "LpNormalization": lpNormalization,
	"BatchNormalization": batchNormalization, "LayerNormalization": layerNormalization, "InstanceNormalization": groupNormalization,
	"GroupNormalization": groupNormalization, "LRN": localResponse,

	"Conv": conv, "MaxPool": maxPool, "AveragePool": averagePool, "GlobalAveragePool": global(ReduceMean), "GlobalMaxPool": global(ReduceMax),
	"Gemm": gemm, "MatMul": matMul, "Einsum": einsum, "Resize": resize, "Upsample": resize,

	"Concat": concat, "DepthToSpace": depthToSpace, "Expand": expand, "Flatten": flatten, "Gather": gather, "Pad": pad, "Reshape": reshape,
	"Shape": shape, "Size": shape, "Slice": slice, "SpaceToDepth": spaceToDepth, "Split": split, "Squeeze": squeeze, "Tile": tile, "Unsqueeze": unsqueeze,

	// which only give another name or order, see renamed
	"Identity": alias, "Dropout": alias, "Transpose": alias,
}

func alias(_ *builder, _ *onnx.Node, in []*Value) []*Value { return in[:1] }

func unary(f func(*Node) *Node) operator {
	return func(b *builder, _ *onnx.Node, in []*Value) []*Value {
		return []*Value{b.made(in[0].typ, f(in[0].at()), in[0].order)}
	}
}

// joined is a value of those that are computed with element by element.
func (b *builder) joined(t onnx.ElemType, in []*Value, f func(x []*Node) *Node) []*Value {
	nodes, order := b.together(in...)
	return []*Value{b.made(t, f(nodes), order)}
}

func pairwise(f func(x, y *Node) *Node) operator {
	return func(b *builder, _ *onnx.Node, in []*Value) []*Value {
		return b.joined(in[0].typ, in[:2], func(x []*Node) *Node { return f(x[0], x[1]) })
	}
}

func comparison(f func(x, y *Node) *Node) operator {
	return func(b *builder, _ *onnx.Node, in []*Value) []*Value {
		return b.joined(onnx.Bool, in[:2], func(x []*Node) *Node { return f(x[0], x[1]) })
	}
}

func several(f func(x, y *Node) *Node) operator {
	return func(b *builder, _ *onnx.Node, in []*Value) []*Value {
		return b.joined(in[0].typ, in, func(x []*Node) *Node {
			y := x[0]
			for _, z := range x[1:] {
				y = f(y, z)
			}
			return y
		})
	}
}

func mean(b *builder, n *onnx.Node, in []*Value) []*Value {
	sum := several(Add)(b, n, in)[0]
	return []*Value{b.made(sum.typ, DivScalar(sum.at(), len(in)), sum.order)}
}

func relu(x *Node) *Node { return MaxScalar(x, 0) }

// unit keeps values in [0, 1].
func unit(x *Node) *Node { return MinScalar(MaxScalar(x, 0), 1) }

// softplus is log(1 + e^x).
func softplus(x *Node) *Node { return Add(MaxScalar(x, 0), Log1P(Exp(Neg(Abs(x))))) }

// gelu is x Φ(x), or its approximation by tanh.
func gelu(b *builder, n *onnx.Node, in []*Value) []*Value {
	if n.StringOr("approximate", "none") == "tanh" {
		return unary(func(x *Node) *Node {
			return Mul(MulScalar(x, 0.5), OnePlus(Tanh(MulScalar(Add(x, MulScalar(Mul(x, Square(x)), 0.044715)), math.Sqrt(2/math.Pi)))))
		})(b, n, in)
	}
	return unary(func(x *Node) *Node { return Mul(MulScalar(x, 0.5), OnePlus(Erf(MulScalar(x, 1/math.Sqrt2)))) })(b, n, in)
}

func hardSigmoid(b *builder, n *onnx.Node, in []*Value) []*Value {
	return unary(func(x *Node) *Node {
		return unit(AddScalar(MulScalar(x, n.FloatOr("alpha", 0.2)), n.FloatOr("beta", 0.5)))
	})(b, n, in)
}

func leakyRelu(b *builder, n *onnx.Node, in []*Value) []*Value {
	return unary(func(x *Node) *Node { return Add(relu(x), MulScalar(MinScalar(x, 0), n.FloatOr("alpha", 0.01))) })(b, n, in)
}

func elu(b *builder, n *onnx.Node, in []*Value) []*Value {
	return unary(func(x *Node) *Node { return Add(relu(x), MulScalar(Expm1(MinScalar(x, 0)), n.FloatOr("alpha", 1))) })(b, n, in)
}

func selu(b *builder, n *onnx.Node, in []*Value) []*Value {
	alpha, gamma := n.FloatOr("alpha", 1.67326319), n.FloatOr("gamma", 1.05070102)
	return unary(func(x *Node) *Node { return MulScalar(Add(relu(x), MulScalar(Expm1(MinScalar(x, 0)), alpha)), gamma) })(b, n, in)
}

// clip keeps values between two inputs, or two attributes of older versions.
func clip(b *builder, n *onnx.Node, in []*Value) []*Value {
	return unary(func(x *Node) *Node {
		for i, f := range []func(*Node, float64) *Node{MaxScalar[float64], MinScalar[float64]} {
			name := []string{"min", "max"}[i]
			switch v := input(in, 1+i); {
			case v != nil:
				x = f(x, v.array().Data[0])
			case n.Attribute(name) != nil:
				x = f(x, n.FloatOr(name, 0))
			}
		}
		return x
	})(b, n, in)
}

// input is an optional input, nil where it is left out.
func input(in []*Value, i int) *Value {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// optional is the value of an optional input that must be known, nil where it is left out.
func optional(in []*Value, i int) *onnx.Array {
	if v := input(in, i); v != nil {
		return v.array()
	}
	return nil
}

// truncated drops what is behind the point.
func truncated(x *Node) *Node { return Mul(Sign(x), Floor(Abs(x))) }

// divide drops the remainder of integers.
func divide(b *builder, n *onnx.Node, in []*Value) []*Value {
	if in[0].typ.IsFloat() {
		return pairwise(Div)(b, n, in)
	}
	return pairwise(func(x, y *Node) *Node { return truncated(Div(x, y)) })(b, n, in)
}

// power is x^y; small powers are products.
func power(b *builder, n *onnx.Node, in []*Value) []*Value {
	if y := in[1]; y.known() && sizeOf(y.dims) == 1 {
		switch y.array().Data[0] {
		case 2:
			return unary(Square)(b, n, in)
		case 3:
			return unary(func(x *Node) *Node { return Mul(x, Square(x)) })(b, n, in)
		case 0.5:
			return unary(Sqrt)(b, n, in)
		case -0.5:
			return unary(Rsqrt)(b, n, in)
		}
	}
	return pairwise(Pow)(b, n, in)
}

// modulo has the sign of the divisor, or with fmod that of the number.
func modulo(b *builder, n *onnx.Node, in []*Value) []*Value {
	part := Floor
	if n.IntOr("fmod", 0) != 0 {
		part = truncated
	}
	return pairwise(func(x, y *Node) *Node { return Sub(x, Mul(y, part(Div(x, y)))) })(b, n, in)
}

// cast changes what values are taken for. Numbers are float32 whatever they are called.
func cast(b *builder, n *onnx.Node, in []*Value) []*Value {
	to, x := onnx.ElemType(n.IntOr("to", 0)), in[0].at()
	switch {
	case to.Bytes() == 0:
		panic(fmt.Errorf("it casts to %s", to))
	case in[0].typ == onnx.Bool && to != onnx.Bool:
		x = ConvertDType(x, dtypes.Float32)
	case in[0].typ != onnx.Bool && to == onnx.Bool:
		x = NotEqual(x, ScalarZero(b.graph, dtypes.Float32))
	case in[0].typ.IsFloat() && !to.IsFloat() && to != onnx.Bool:
		x = truncated(x)
	}
	return []*Value{b.made(to, x, in[0].order)}
}

func where(b *builder, _ *onnx.Node, in []*Value) []*Value {
	nodes, order := b.together(in[:3]...)
	dims := commonShape(nodes[0].Shape().Dimensions, nodes[1].Shape().Dimensions, nodes[2].Shape().Dimensions)
	for i, x := range nodes {
		nodes[i] = BroadcastToDims(x, dims...)
	}
	return []*Value{b.made(in[1].typ, Where(nodes[0], nodes[1], nodes[2]), order)}
}
