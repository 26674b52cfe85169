package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// operators are those of version 18 of the standard set that a network of alike's may need.
var operators map[string]operator

func init() { // which breaks the cycle by Apply
	operators = map[string]operator{
		"Abs": unary(math.Abs), "Exp": unary(math.Exp), "Log": unary(math.Log), "Neg": unary(func(x float64) float64 { return -x }),
		"Relu": unary(func(x float64) float64 { return math.Max(x, 0) }), "Sqrt": unary(math.Sqrt), "Identity": unary(func(x float64) float64 { return x }),

		"Add": binary2(func(x, y float64) float64 { return x + y }), "Sub": binary2(func(x, y float64) float64 { return x - y }),
		"Mul": binary2(func(x, y float64) float64 { return x * y }), "Div": divide,
		"Max": binary2(math.Max), "Min": binary2(math.Min),

		"Less":           comparison(func(x, y float64) bool { return x < y }),
		"LessOrEqual":    comparison(func(x, y float64) bool { return x <= y }),
		"Greater":        comparison(func(x, y float64) bool { return x > y }),
		"GreaterOrEqual": comparison(func(x, y float64) bool { return x >= y }),
		"Equal":          comparison(func(x, y float64) bool { return x == y }),
		"And":            comparison(func(x, y float64) bool { return x != 0 && y != 0 }),

		"ReduceSum":  reduction(0, func(sum, x float64) float64 { return sum + x }, false),
		"ReduceMean": reduction(0, func(sum, x float64) float64 { return sum + x }, true),
		"ReduceMax":  reduction(math.Inf(-1), math.Max, false),
		"ReduceMin":  reduction(math.Inf(1), math.Min, false),

		"BatchNormalization": batchNormalization, "Conv": conv, "Gemm": gemm, "MatMul": matMul,
		"MaxPool": maxPool, "AveragePool": averagePool, "GlobalAveragePool": globalAveragePool, "Resize": resize,

		"Cast": cast, "Concat": concat, "Expand": expand, "Flatten": flatten, "Pad": pad, "Reshape": reshape,
		"Shape": shapeOf, "Slice": slice, "Transpose": transpose, "Where": where,
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
	dims, err := commonShape(shapes...)
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
	if isFloat(in[0].Type) {
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

// reduction joins what lies along the axes, which are the second input; all of them where it is absent.
func reduction(start float64, f func(sum, x float64) float64, mean bool) operator {
	return func(n *Node, in []*Array) (*Array, error) {
		x := in[0]
		reduced := make([]bool, len(x.Dims))
		axes := []int{}
		if len(in) > 1 && in[1] != nil {
			axes = in[1].ints()
		}
		for _, a := range axes {
			reduced[(a+len(reduced))%len(reduced)] = true
		}
		var dims, steps []int
		step, count := 1, 1
		full := make([]int, len(x.Dims)) // the step in the output for each axis of x
		for i := len(x.Dims) - 1; i >= 0; i-- {
			if reduced[i] || len(axes) == 0 {
				count *= x.Dims[i]
				if n.int("keepdims", 1) != 0 {
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
		if mean {
			for i := range out.Data {
				out.Data[i] /= float64(count)
			}
		}
		return out, nil
	}
}

func cast(n *Node, in []*Array) (*Array, error) {
	to := ElemType(n.int("to", 0))
	if to.Bytes() == 0 {
		return nil, fmt.Errorf("it casts to %s", to)
	}
	return in[0].As(to), nil
}

func transpose(n *Node, in []*Array) (*Array, error) {
	return in[0].Transpose(n.ints("perm", len(in[0].Dims), 0)), nil
}

func reshape(_ *Node, in []*Array) (*Array, error) {
	dims, free, known := in[1].ints(), -1, 1
	for i, d := range dims {
		switch {
		case d == -1 && free < 0:
			free = i
			continue
		case d == 0:
			dims[i] = in[0].Dims[i]
		}
		known *= dims[i]
	}
	if free >= 0 && known > 0 {
		dims[free] = len(in[0].Data) / known
	}
	if n, err := size(dims); err != nil || n != len(in[0].Data) {
		return nil, fmt.Errorf("%v does not become %v", in[0].Dims, in[1].ints())
	}
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, nil
}

func flatten(n *Node, in []*Array) (*Array, error) {
	axis := n.int("axis", 1)
	rows, err := size(in[0].Dims[:axis])
	if err != nil || rows == 0 {
		return nil, errors.New("there is nothing to flatten")
	}
	return &Array{in[0].Type, []int{rows, len(in[0].Data) / rows}, slices.Clone(in[0].Data)}, nil
}

func shapeOf(n *Node, in []*Array) (*Array, error) {
	dims := in[0].Dims
	return IntVector(dims[n.int("start", 0):min(n.int("end", len(dims)), len(dims))]...), nil
}

func expand(_ *Node, in []*Array) (*Array, error) {
	dims, err := commonShape(in[0].Dims, in[1].ints())
	if err != nil {
		return nil, err
	}
	return in[0].Broadcast(dims)
}

func concat(n *Node, in []*Array) (*Array, error) {
	axis := n.int("axis", 0)
	dims := slices.Clone(in[0].Dims)
	dims[axis] = 0
	for _, x := range in {
		dims[axis] += x.Dims[axis]
		for i, d := range x.Dims {
			if len(x.Dims) != len(dims) || i != axis && d != dims[i] || x.Type != in[0].Type {
				return nil, fmt.Errorf("%s %v does not go beside %s %v", x.Type, x.Dims, in[0].Type, in[0].Dims)
			}
		}
	}
	out := NewArray(in[0].Type, dims...)
	row := strides(dims)[axis] // values of one place on the axis
	at := 0
	for _, x := range in {
		length := x.Dims[axis] * row
		for i := 0; i*length < len(x.Data); i++ {
			copy(out.Data[i*dims[axis]*row+at:], x.Data[i*length:][:length])
		}
		at += length
	}
	return out, nil
}

// slice takes data, starts, ends, axes and steps, which must be 1.
func slice(_ *Node, in []*Array) (*Array, error) {
	dims, start := slices.Clone(in[0].Dims), 0
	steps := strides(dims)
	if len(in) > 4 && in[4] != nil {
		for _, s := range in[4].ints() {
			if s != 1 {
				return nil, fmt.Errorf("steps of %d are not known", s)
			}
		}
	}
	for i, from := range in[1].ints() {
		axis := i
		if len(in) > 3 && in[3] != nil {
			axis = (in[3].ints()[i] + len(dims)) % len(dims)
		}
		within := func(at int) int {
			if at < 0 {
				at += dims[axis]
			}
			return min(max(at, 0), dims[axis])
		}
		from, to := within(from), within(in[2].ints()[i])
		start += from * steps[axis]
		dims[axis] = max(to-from, 0)
	}
	return in[0].gather(dims, start, steps), nil
}

// pad adds a constant around; pads are those before all axes, then those behind.
func pad(n *Node, in []*Array) (*Array, error) {
	if mode := n.string("mode", "constant"); mode != "constant" {
		return nil, fmt.Errorf("the mode %s is not known", mode)
	}
	pads, rank := in[1].ints(), len(in[0].Dims)
	dims, start := slices.Clone(in[0].Dims), 0
	for i := range dims {
		dims[i] += pads[i] + pads[rank+i]
	}
	out := NewArray(in[0].Type, dims...)
	if len(in) > 2 && in[2] != nil {
		for i := range out.Data {
			out.Data[i] = in[2].Data[0]
		}
	}
	steps, from := strides(dims), strides(in[0].Dims)
	for i := range dims {
		start += pads[i] * steps[i]
	}
	for i, v := range in[0].Data {
		place, rest := start, i
		for axis, s := range from {
			place += rest / s * steps[axis]
			rest %= s
		}
		out.Data[place] = v
	}
	return out, nil
}
