package build

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
)

// gemm is α A' B' + β C, where A' and B' may be transposed.
func gemm(b *builder, n *onnx.Node, in []*Value) []*Value {
	x, w := in[0], in[1]
	if len(x.dims) != 2 || len(w.dims) != 2 {
		panic(fmt.Errorf("%v times %v; want matrices", x.dims, w.dims))
	}
	if n.IntOr("transA", 0) != 0 {
		x = x.transposed([]int{1, 0})
	}
	if n.IntOr("transB", 0) != 0 {
		w = w.transposed([]int{1, 0})
	}
	y := b.product(x, w)
	if alpha := n.FloatOr("alpha", 1); alpha != 1 {
		y = b.made(y.typ, MulScalar(y.at(), alpha), y.order)
	}
	c := input(in, 2)
	if c == nil {
		return []*Value{y}
	}
	return b.joined(y.typ, []*Value{y, c}, func(x []*Node) *Node { return Add(x[0], MulScalar(x[1], n.FloatOr("beta", 1))) })
}

// matMul multiplies the matrices of the last two axes; the axes before are broadcast. A vector is a row on the left
// and a column on the right, whose axis is then dropped.
func matMul(b *builder, _ *onnx.Node, in []*Value) []*Value {
	x, w := in[0], in[1]
	row, column := len(x.dims) == 1, len(w.dims) == 1
	if row {
		x = x.reshaped([]int{1, x.dims[0]})
	}
	if column {
		w = w.reshaped([]int{w.dims[0], 1})
	}
	y := b.product(x, w)
	dims := slices.Clone(y.dims)
	if column {
		dims = dims[:len(dims)-1]
	}
	if row {
		dims = slices.Delete(dims, len(y.dims)-2, len(y.dims)-1)
	}
	if row || column {
		y = y.reshaped(dims)
	}
	return []*Value{y}
}

// product multiplies stacks of matrices.
func (b *builder) product(x, w *Value) *Value {
	rank := len(w.dims)
	if x.dims[len(x.dims)-1] != w.dims[rank-2] {
		panic(fmt.Errorf("%v times %v", x.dims, w.dims))
	}
	if sizeOf(w.dims[:rank-2]) == 1 && len(x.dims) >= rank {
		if rank > 2 {
			w = w.reshaped(w.dims[rank-2:])
		}
		return b.linear(x, w)
	}
	return b.stacked(x, w)
}

// linear multiplies the last axis of x [..., K] with a matrix [K, N].
func (b *builder) linear(x, w *Value) *Value {
	last := len(x.dims) - 1
	x.at()
	node, order := x.node, x.order
	if order[last] != last {
		node, order = x.Plain(), identity(last+1)
	}
	weights := w.at()
	dims := slices.Clone(node.Shape().Dimensions)
	rows := Reshape(node, sizeOf(dims[:last]), dims[last])
	y := DotGeneral(rows, []int{1}, nil, weights, []int{w.place(0)}, nil)
	dims[last] = w.dims[1]
	return b.made(x.typ, Reshape(y, dims...), order)
}

// stacked multiplies x [..., M, K] and y [..., K, N], matrix by matrix, where they lie.
func (b *builder) stacked(x, y *Value) *Value {
	rank := max(len(x.dims), len(y.dims))
	batch := commonShape(x.dims[:len(x.dims)-2], y.dims[:len(y.dims)-2])
	full := func(v *Value) *Value {
		dims := commonShape(slices.Concat(batch, v.dims[len(v.dims)-2:]))
		if slices.Equal(dims, v.dims) {
			v.at()
			return v
		}
		return b.made(v.typ, BroadcastToDims(v.spread(identity(rank)), dims...), identity(rank))
	}
	x, y = full(x), full(y)
	var xBatch, yBatch []int
	for i := range rank - 2 {
		xBatch, yBatch = append(xBatch, x.place(i)), append(yBatch, y.place(i))
	}
	z := DotGeneral(x.node, []int{x.place(rank - 1)}, xBatch, y.node, []int{y.place(rank - 2)}, yBatch)
	return b.made(x.typ, z, identity(rank))
}

// einsum joins two tensors by an equation whose letters are each axis' name, e.g. bhid,bhjd->bhij.
func einsum(b *builder, n *onnx.Node, in []*Value) []*Value {
	equation := strings.ReplaceAll(n.StringOr("equation", ""), " ", "")
	left, result, ok := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	unknown := fmt.Errorf("the equation %q is not known; want two terms and a result, without repeated letters and dots", equation)
	if !ok || len(terms) != 2 || len(in) != 2 || strings.Contains(equation, ".") || len(terms[0]) != len(in[0].dims) || len(terms[1]) != len(in[1].dims) {
		panic(unknown)
	}
	for i := range in {
		for _, letter := range terms[i] {
			alone := !strings.ContainsRune(terms[1-i], letter) && !strings.ContainsRune(result, letter)
			if alone || strings.Count(terms[i], string(letter)) > 1 || strings.Count(result, string(letter)) > 1 {
				panic(unknown)
			}
		}
		in[i].at()
	}
	var contract, batch [2][]int
	var names string // of the result's axes as they come: shared, of the first, of the second
	for axis, letter := range terms[0] {
		other := strings.IndexRune(terms[1], letter)
		switch {
		case other < 0:
		case strings.ContainsRune(result, letter):
			batch[0], batch[1] = append(batch[0], in[0].place(axis)), append(batch[1], in[1].place(other))
			names += string(letter)
		default:
			contract[0], contract[1] = append(contract[0], in[0].place(axis)), append(contract[1], in[1].place(other))
		}
	}
	for i, v := range in {
		for _, axis := range v.order {
			if letter := rune(terms[i][axis]); !strings.ContainsRune(terms[1-i], letter) {
				names += string(letter)
			}
		}
	}
	if len(names) != len(result) {
		panic(unknown)
	}
	order := make([]int, len(names))
	for i, letter := range names {
		order[i] = strings.IndexRune(result, letter)
	}
	return []*Value{b.made(in[0].typ, DotGeneral(in[0].node, contract[0], batch[0], in[1].node, contract[1], batch[1]), order)}
}
