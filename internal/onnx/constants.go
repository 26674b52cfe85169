package onnx

import (
	"errors"
	"fmt"
	"math"
)

// The operators that make values of few or none.

func shapeOf(n *Node, in []*Array) (*Array, error) {
	dims := in[0].Dims
	at := func(i int) int {
		if i < 0 {
			i += len(dims)
		}
		return min(max(i, 0), len(dims))
	}
	from := at(n.IntOr("start", 0))
	return IntVector(dims[from:max(from, at(n.IntOr("end", len(dims))))]...), nil
}

// constant is the value that the node states.
func constant(n *Node, _ []*Array) (*Array, error) {
	for _, a := range n.Attributes {
		switch a.Name {
		case "value":
			if a.Tensor != nil {
				return a.Tensor.Array()
			}
		case "value_float":
			return Scalar(Float32, float64(a.Float)), nil
		case "value_int":
			return Scalar(Int64, float64(a.Int)), nil
		case "value_ints":
			return IntVector(n.IntsOr(a.Name, 0, 0)...), nil
		case "value_floats":
			return FromFloat32(a.Floats, len(a.Floats)), nil
		}
	}
	return nil, errors.New("it states no numbers")
}

func constantOfShape(n *Node, in []*Array) (*Array, error) {
	fill := Scalar(Float32, 0)
	if a := n.Attribute("value"); a != nil && a.Tensor != nil {
		var err error
		if fill, err = a.Tensor.Array(); err != nil {
			return nil, err
		}
	}
	out := NewArray(fill.Type, in[0].Ints()...)
	for i := range out.Data {
		out.Data[i] = fill.Data[0]
	}
	return out, nil
}

// rangeOf is start, start + delta, ... below the limit.
func rangeOf(_ *Node, in []*Array) (*Array, error) {
	start, limit, delta := in[0].Data[0], in[1].Data[0], in[2].Data[0]
	count := math.Max(0, math.Ceil((limit-start)/delta))
	if !(count <= mostValues) {
		return nil, fmt.Errorf("a range from %g to %g by %g", start, limit, delta)
	}
	out := NewArray(in[0].Type, int(count))
	for i := range out.Data {
		out.Data[i] = start + float64(i)*delta
	}
	return out, nil
}

func sizeOf(_ *Node, in []*Array) (*Array, error) {
	return Scalar(Int64, float64(len(in[0].Data))), nil
}
