package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// The operators that give values other axes.

func transpose(n *Node, in []*Array) (*Array, error) {
	order, err := n.Permutation(len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	return in[0].Transpose(order), nil
}

// Permutation says of a Transpose which axis of its input each axis of its output is; without an attribute they are
// reversed.
func (n *Node) Permutation(rank int) ([]int, error) {
	order := n.IntsOr("perm", rank, 0)
	if n.Attribute("perm") == nil {
		for i := range order {
			order[i] = rank - 1 - i
		}
	}
	seen := make([]bool, rank)
	for _, a := range order {
		if len(order) != rank || a < 0 || a >= rank || seen[a] {
			return nil, fmt.Errorf("%v is no order of %d axes", order, rank)
		}
		seen[a] = true
	}
	return order, nil
}

func reshape(n *Node, in []*Array) (*Array, error) {
	dims, err := ReshapeDims(n, in[0].Dims, in[1].Ints())
	if err != nil {
		return nil, err
	}
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, nil
}

// ReshapeDims is what a Reshape makes of a shape: -1 stands for what is left, 0 for what it was.
func ReshapeDims(n *Node, from, to []int) ([]int, error) {
	dims, free, known := slices.Clone(to), -1, 1
	for i, d := range dims {
		switch {
		case d == -1 && free < 0:
			free = i
			continue
		case d == 0 && n.IntOr("allowzero", 0) == 0 && i < len(from):
			dims[i] = from[i]
		}
		known *= dims[i]
	}
	total, err := size(from)
	if free >= 0 && known > 0 {
		dims[free] = total / known
	}
	if n, err2 := size(dims); err != nil || err2 != nil || n != total {
		return nil, fmt.Errorf("%v does not become %v", from, to)
	}
	return dims, nil
}

// FlattenAxis is the first axis of the columns that a Flatten makes, the rank where there is none; a negative one is
// counted from the rank.
func FlattenAxis(n *Node, rank int) (int, error) {
	axis := n.IntOr("axis", 1)
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis > rank {
		return 0, fmt.Errorf("there is no axis %d among %d", n.IntOr("axis", 1), rank)
	}
	return axis, nil
}

func flatten(n *Node, in []*Array) (*Array, error) {
	axis, err := FlattenAxis(n, len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	rows, err := size(in[0].Dims[:axis])
	if err != nil || rows == 0 {
		return nil, errors.New("there is nothing to flatten")
	}
	return &Array{in[0].Type, []int{rows, len(in[0].Data) / rows}, slices.Clone(in[0].Data)}, nil
}

func expand(_ *Node, in []*Array) (*Array, error) {
	dims, err := CommonShape(in[0].Dims, in[1].Ints())
	if err != nil {
		return nil, err
	}
	return in[0].Broadcast(dims)
}

func squeeze(n *Node, in []*Array) (*Array, error) {
	dims, err := SqueezeDims(n, in[0].Dims, input(in, 1))
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, err
}

// SqueezeDims drops axes of length 1: those that are named, or all.
func SqueezeDims(n *Node, dims []int, list *Array) ([]int, error) {
	axes, err := n.Axes(list, len(dims))
	if err != nil {
		return nil, err
	}
	var rest []int
	for i, d := range dims {
		named := slices.Contains(axes, i)
		if named && d != 1 {
			return nil, fmt.Errorf("axis %d of %v is not of length 1", i, dims)
		}
		if !named && (len(axes) > 0 || d != 1) {
			rest = append(rest, d)
		}
	}
	return rest, nil
}

func unsqueeze(n *Node, in []*Array) (*Array, error) {
	dims, err := UnsqueezeDims(n, in[0].Dims, input(in, 1))
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, err
}

// UnsqueezeDims adds axes of length 1, at places in the result.
func UnsqueezeDims(n *Node, dims []int, list *Array) ([]int, error) {
	count := len(n.IntsOr("axes", 0, 0))
	if list != nil {
		count = len(list.Data)
	}
	axes, err := n.Axes(list, len(dims)+count)
	if err != nil {
		return nil, err
	}
	slices.Sort(axes)
	out := slices.Clone(dims)
	for i, a := range axes {
		if a > len(out) || i > 0 && a == axes[i-1] {
			return nil, fmt.Errorf("axes %v cannot be added to %v", axes, dims)
		}
		out = slices.Insert(out, a, 1)
	}
	return out, nil
}

// depthToSpace makes of channels blocks of pixels.
func depthToSpace(n *Node, in []*Array) (*Array, error) {
	s, d := n.IntOr("blocksize", 1), in[0].Dims
	if s < 1 || d[1]%(s*s) != 0 {
		return nil, fmt.Errorf("%d channels do not become blocks of %d pixels", d[1], s)
	}
	c := d[1] / (s * s)
	parts, order := []int{d[0], s, s, c, d[2], d[3]}, []int{0, 3, 4, 1, 5, 2}
	if n.StringOr("mode", "DCR") == "CRD" {
		parts, order = []int{d[0], c, s, s, d[2], d[3]}, []int{0, 1, 4, 2, 5, 3}
	}
	y := (&Array{in[0].Type, parts, in[0].Data}).Transpose(order)
	return &Array{y.Type, []int{d[0], c, d[2] * s, d[3] * s}, y.Data}, nil
}

// spaceToDepth makes of blocks of pixels channels.
func spaceToDepth(n *Node, in []*Array) (*Array, error) {
	s, d := n.IntOr("blocksize", 1), in[0].Dims
	if s < 1 || d[2]%s != 0 || d[3]%s != 0 {
		return nil, fmt.Errorf("%d x %d pixels are not made of blocks of %d", d[2], d[3], s)
	}
	y := (&Array{in[0].Type, []int{d[0], d[1], d[2] / s, s, d[3] / s, s}, in[0].Data}).Transpose([]int{0, 3, 5, 1, 2, 4})
	return &Array{y.Type, []int{d[0], d[1] * s * s, d[2] / s, d[3] / s}, y.Data}, nil
}
