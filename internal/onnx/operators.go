package onnx

import (
	"fmt"
	"math"
	"slices"
)

// operators are those of version 18 of the standard set, in the forms of older versions too, that networks on
// images are made of, and what shapes are computed with.
var operators map[string]operator

func init() { // which breaks the cycle by Apply
	add := func(sum, x float64) float64 { return sum + x }
	operators = map[string]operator{
		"Abs": unary(math.Abs), "Exp": unary(math.Exp), "Log": unary(math.Log), "Neg": unary(func(x float64) float64 { return -x }),
		"Relu": unary(func(x float64) float64 { return math.Max(x, 0) }), "Sqrt": unary(math.Sqrt), "Identity": identity, "Dropout": identity,
		"Floor": unary(math.Floor), "Ceil": unary(math.Ceil), "Round": unary(math.RoundToEven), "Reciprocal": unary(func(x float64) float64 { return 1 / x }),
		"Not": unary(func(x float64) float64 { return 1 - x }), "Sin": unary(math.Sin), "Cos": unary(math.Cos),
		"Sigmoid": unary(sigmoid), "Tanh": unary(math.Tanh), "Erf": unary(math.Erf), "Softplus": unary(softplus),
		"HardSwish": unary(func(x float64) float64 { return x * math.Min(1, math.Max(0, x/6+0.5)) }),
		"Mish":      unary(func(x float64) float64 { return x * math.Tanh(softplus(x)) }),
		"Gelu":      gelu, "HardSigmoid": hardSigmoid, "LeakyRelu": leakyRelu, "Elu": elu, "Selu": selu, "Clip": clip,
		"Sign": unary(sign), "Softsign": unary(func(x float64) float64 { return x / (1 + math.Abs(x)) }),

		"Add": binary2(add), "Sub": binary2(func(x, y float64) float64 { return x - y }),
		"Mul": binary2(func(x, y float64) float64 { return x * y }), "Div": divide, "Mod": modulo, "Pow": power,
		"Max": several(math.Max), "Min": several(math.Min), "Sum": several(add), "Mean": mean,
		"PRelu": binary2(func(x, slope float64) float64 { return math.Max(x, 0) + slope*math.Min(x, 0) }),

		"Less":           comparison(func(x, y float64) bool { return x < y }),
		"LessOrEqual":    comparison(func(x, y float64) bool { return x <= y }),
		"Greater":        comparison(func(x, y float64) bool { return x > y }),
		"GreaterOrEqual": comparison(func(x, y float64) bool { return x >= y }),
		"Equal":          comparison(func(x, y float64) bool { return x == y }),
		"And":            comparison(func(x, y float64) bool { return x != 0 && y != 0 }),
		"Or":             comparison(func(x, y float64) bool { return x != 0 || y != 0 }),
		"Xor":            comparison(func(x, y float64) bool { return x != y }),

		"ReduceSum":  reduction(0, add, nil),
		"ReduceMean": reduction(0, add, func(sum float64, count int) float64 { return sum / float64(count) }),
		"ReduceMax":  reduction(math.Inf(-1), math.Max, nil),
		"ReduceMin":  reduction(math.Inf(1), math.Min, nil),
		"ReduceProd": reduction(1, func(product, x float64) float64 { return product * x }, nil),
		"ReduceL2":   reduction(0, func(sum, x float64) float64 { return sum + x*x }, func(sum float64, _ int) float64 { return math.Sqrt(sum) }),
		"ReduceL1":   reduction(0, func(sum, x float64) float64 { return sum + math.Abs(x) }, nil),
		"Softmax":    softmax, "LogSoftmax": logSoftmax, "LpNormalization": lpNormalization,

		"ReduceSumSquare":       reduction(0, func(sum, x float64) float64 { return sum + x*x }, nil),
		"InstanceNormalization": groupNormalization, "GroupNormalization": groupNormalization, "LRN": localResponse,

		"BatchNormalization": batchNormalization, "LayerNormalization": layerNormalization, "Conv": conv, "Gemm": gemm, "MatMul": matMul,
		"MaxPool": maxPool, "AveragePool": averagePool, "GlobalAveragePool": globalAveragePool, "GlobalMaxPool": globalMaxPool, "Resize": resize, "Upsample": resize,

		"Cast": cast, "Concat": concat, "Constant": constant, "ConstantOfShape": constantOfShape, "CumSum": cumulativeSum, "DepthToSpace": depthToSpace, "Einsum": einsum, "Expand": expand, "Flatten": flatten,
		"Gather": gather, "Pad": pad, "Range": rangeOf, "Reshape": reshape, "ScatterND": scatterND, "Shape": shapeOf, "Size": sizeOf, "SpaceToDepth": spaceToDepth,
		"Slice": slice, "Squeeze": squeeze, "Tile": tile, "Transpose": transpose, "Unsqueeze": unsqueeze, "Where": where,
	}
}

func unary(f func(float64) float64) operator {
	return func(_ *Node, in []*Array) (*Array, error) {
		out := NewArray(in[0].Type, in[0].Dims...)
		for i, v := range in[0].Data {
			out.Data[i] = f(v)
		}
		return out, nil
	}
}

// together broadcasts arrays to their common shape.
func together(in ...*Array) ([]*Array, error) {
	var shapes [][]int
	for _, a := range in {
		shapes = append(shapes, a.Dims)
	}
	dims, err := CommonShape(shapes...)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(in)
	for i, a := range in {
		if !slices.Equal(a.Dims, dims) {
			if out[i], err = a.Broadcast(dims); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func binary2(f func(x, y float64) float64) operator {
	return func(_ *Node, in []*Array) (*Array, error) {
		if in[0].Type != in[1].Type {
			return nil, fmt.Errorf("it joins %s and %s", in[0].Type, in[1].Type)
		}
		in, err := together(in...)
		if err != nil {
			return nil, err
		}
		out := NewArray(in[0].Type, in[0].Dims...)
		for i := range out.Data {
			out.Data[i] = f(in[0].Data[i], in[1].Data[i])
		}
		return out, nil
	}
}

// divide drops the remainder of integers.
func divide(n *Node, in []*Array) (*Array, error) {
	if in[0].Type.IsFloat() {
		return binary2(func(x, y float64) float64 { return x / y })(n, in)
	}
	return binary2(func(x, y float64) float64 { return math.Trunc(x / y) })(n, in)
}

func comparison(f func(x, y float64) bool) operator {
	return func(n *Node, in []*Array) (*Array, error) {
		out, err := binary2(func(x, y float64) float64 {
			if f(x, y) {
				return 1
			}
			return 0
		})(n, in)
		if err == nil {
			out.Type = Bool
		}
		return out, err
	}
}

func where(_ *Node, in []*Array) (*Array, error) {
	if in[0].Type != Bool || in[1].Type != in[2].Type {
		return nil, fmt.Errorf("it chooses by %s between %s and %s", in[0].Type, in[1].Type, in[2].Type)
	}
	in, err := together(in...)
	if err != nil {
		return nil, err
	}
	out := NewArray(in[1].Type, in[1].Dims...)
	for i, yes := range in[0].Data {
		out.Data[i] = in[2].Data[i]
		if yes != 0 {
			out.Data[i] = in[1].Data[i]
		}
	}
	return out, nil
}

// Axes are the axes that a node is about, counted from 0: its input i, the attribute that older versions have in its
// place, or, where neither is there, none.
func (n *Node) Axes(in *Array, rank int) ([]int, error) {
	axes := n.IntsOr("axes", 0, 0)
	if in != nil {
		axes = in.Ints()
	}
	for i, a := range axes {
		at, err := axisOf(a, rank)
		if err != nil {
			return nil, err
		}
		axes[i] = at
	}
	return axes, nil
}

// input is an optional input, nil where it is left out.
func input(in []*Array, i int) *Array {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// reduction joins what lies along the axes, which are the second input; all of them where it is absent, unless
// it is noop_with_empty_axes.
func reduction(start float64, f func(sum, x float64) float64, finish func(sum float64, count int) float64) operator {
	return func(n *Node, in []*Array) (*Array, error) {
		x := in[0]
		reduced := make([]bool, len(x.Dims))
		axes, err := n.Axes(input(in, 1), len(x.Dims))
		if err != nil {
			return nil, err
		}
		for _, a := range axes {
			reduced[a] = true
		}
		all := len(axes) == 0 && n.IntOr("noop_with_empty_axes", 0) == 0
		var dims, steps []int
		step, count := 1, 1
		full := make([]int, len(x.Dims)) // the step in the output for each axis of x
		for i := len(x.Dims) - 1; i >= 0; i-- {
			if reduced[i] || all {
				count *= x.Dims[i]
				if n.IntOr("keepdims", 1) != 0 {
					dims = append(dims, 1)
				}
				continue
			}
			full[i] = step
			step *= x.Dims[i]
			dims = append(dims, x.Dims[i])
		}
		slices.Reverse(dims)
		out := NewArray(x.Type, dims...)
		for i := range out.Data {
			out.Data[i] = start
		}
		steps = strides(x.Dims)
		for i, v := range x.Data {
			place, rest := 0, i
			for axis, s := range steps {
				place += rest / s * full[axis]
				rest %= s
			}
			out.Data[place] = f(out.Data[place], v)
		}
		if finish != nil {
			for i, sum := range out.Data {
				out.Data[i] = finish(sum, count)
			}
		}
		return out, nil
	}
}

// cumulativeSum is the sum of what comes before along an axis, and with it unless it is exclusive; from the end in reverse.
func cumulativeSum(n *Node, in []*Array) (*Array, error) {
	x := in[0]
	axis, err := axisOf(in[1].Ints()[0], len(x.Dims))
	if err != nil {
		return nil, err
	}
	length, step := x.Dims[axis], strides(x.Dims)[axis]
	exclusive, reverse := n.IntOr("exclusive", 0) != 0, n.IntOr("reverse", 0) != 0
	out := NewArray(x.Type, x.Dims...)
	for i := range x.Data {
		if i/step%length != 0 {
			continue // not the first of a line
		}
		sum := 0.0
		for k := range length {
			at := i + k*step
			if reverse {
				at = i + (length-1-k)*step
			}
			before := sum
			sum += x.Data[at]
			out.Data[at] = sum
			if exclusive {
				out.Data[at] = before
			}
		}
	}
	return out, nil
}

func cast(n *Node, in []*Array) (*Array, error) {
	to := ElemType(n.IntOr("to", 0))
	if to.Bytes() == 0 {
		return nil, fmt.Errorf("it casts to %s", to)
	}
	return in[0].As(to), nil
}
