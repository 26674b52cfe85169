package onnx

import (
	"math"
	"slices"
)

// Grown is how many values a node makes of few that it is given, as far as its inputs say so; 0 for nodes that do not.
func Grown(n *Node, in []*Array) int {
	product := func(values []int) int {
		total := 1
		for _, v := range values {
			if total = total * min(max(v, 1), 1<<31); total > 1<<31 {
				return 1 << 31
			}
		}
		return total
	}
	switch n.Op {
	case "ConstantOfShape":
		return product(in[0].Ints())
	case "Expand":
		return product(append(in[1].Ints(), len(in[0].Data)))
	case "Tile":
		return product(append(in[1].Ints(), len(in[0].Data)))
	case "Range":
		return int(math.Min(1<<31, math.Abs((in[1].Data[0]-in[0].Data[0])/in[2].Data[0])))
	case "Pad":
		before, behind, err := Padding(n, in[0].Dims, input(in, 1), input(in, 3))
		if err != nil {
			return 0
		}
		for i, d := range in[0].Dims {
			before[i] += d + behind[i]
		}
		return product(before)
	case "Resize", "Upsample":
		atScales, atSizes := ResizeInputs(in)
		var sizes *Array
		if atSizes > 0 {
			sizes = input(in, atSizes)
		}
		list, err := Scalings(n, in[0].Dims, input(in, atScales), sizes)
		if err != nil {
			return 0
		}
		var weights, to []int
		for _, s := range list {
			to = append(to, s.To)
			weights = append(weights, s.From*s.To)
		}
		return max(product(to), slices.Max(weights))
	}
	return 0
}
