package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// gemm is α A' B' + β C, where A' and B' may be transposed.
func gemm(n *Node, in []*Array) (*Array, error) {
	a, b := in[0], in[1]
	if n.IntOr("transA", 0) != 0 {
		a = a.Transpose([]int{1, 0})
	}
	if n.IntOr("transB", 0) == 0 {
		b = b.Transpose([]int{1, 0})
	}
	if a.Dims[1] != b.Dims[1] || a.Type != b.Type {
		return nil, fmt.Errorf("%s %v times %s %v, transposed", a.Type, a.Dims, b.Type, b.Dims)
	}
	rows, inner, columns := a.Dims[0], a.Dims[1], b.Dims[0]
	y := NewArray(a.Type, rows, columns)
	if len(in) > 2 && in[2] != nil {
		c, err := in[2].Broadcast(y.Dims)
		if err != nil {
			return nil, err
		}
		for i, v := range c.Data {
			y.Data[i] = n.FloatOr("beta", 1) * v
		}
	}
	alpha := n.FloatOr("alpha", 1)
	parallel(rows, func(i int) {
		x := a.Data[i*inner:][:inner]
		for j := range columns {
			sum := 0.0
			for k, w := range b.Data[j*inner:][:inner] {
				sum += w * x[k]
			}
			y.Data[i*columns+j] += alpha * sum
		}
	})
	return y, nil
}

// matMul multiplies the matrices of the last two axes; the axes before are broadcast. A vector is a row on the
// left and a column on the right, whose axis is then dropped.
func matMul(_ *Node, in []*Array) (*Array, error) {
	a, b := in[0], in[1]
	if len(a.Dims) == 0 || len(b.Dims) == 0 {
		return nil, errors.New("a number is no matrix")
	}
	row, column := len(a.Dims) == 1, len(b.Dims) == 1
	if row {
		a = &Array{a.Type, []int{1, a.Dims[0]}, a.Data}
	}
	if column {
		b = &Array{b.Type, []int{b.Dims[0], 1}, b.Data}
	}
	m, k, n := a.Dims[len(a.Dims)-2], a.Dims[len(a.Dims)-1], b.Dims[len(b.Dims)-1]
	if b.Dims[len(b.Dims)-2] != k || a.Type != b.Type {
		return nil, fmt.Errorf("%s %v times %s %v", a.Type, a.Dims, b.Type, b.Dims)
	}
	batch, err := CommonShape(a.Dims[:len(a.Dims)-2], b.Dims[:len(b.Dims)-2])
	if err != nil {
		return nil, err
	}
	if a, err = a.Broadcast(append(slices.Clone(batch), m, k)); err != nil {
		return nil, err
	}
	if b, err = b.Broadcast(append(slices.Clone(batch), k, n)); err != nil {
		return nil, err
	}
	y := NewArray(a.Type, append(slices.Clone(batch), m, n)...)
	if len(y.Data) == 0 {
		return y, nil
	}
	parallel(len(y.Data)/n, func(i int) {
		x, out := a.Data[i*k:][:k], y.Data[i*n:][:n]
		for j, v := range x {
			for c, w := range b.Data[(i/m*k+j)*n:][:n] {
				out[c] += v * w
			}
		}
	})
	if column {
		y.Dims = y.Dims[:len(y.Dims)-1]
	}
	if row {
		y.Dims = slices.Delete(y.Dims, len(batch), len(batch)+1)
	}
	return y, nil
}

// einsum joins two tensors by an equation, e.g. bhid,bhjd->bhij: the sum of their products over the letters that the
// result lacks.
func einsum(n *Node, in []*Array) (*Array, error) {
	equation := strings.ReplaceAll(n.StringOr("equation", ""), " ", "")
	left, result, _ := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != 2 || len(in) != 2 || strings.Contains(equation, ".") {
		return nil, fmt.Errorf("the equation %q is not known", equation)
	}
	lengths, letters := map[rune]int{}, result
	for i, term := range terms {
		for axis, letter := range term {
			lengths[letter] = in[i].Dims[axis]
			if !strings.ContainsRune(letters, letter) {
				letters += string(letter)
			}
		}
	}
	var dims []int
	for _, letter := range letters {
		dims = append(dims, lengths[letter])
	}
	steps := func(term string, dims []int) []int { // of each letter in a tensor
		by, own := make([]int, len(letters)), strides(dims)
		for axis, letter := range term {
			by[strings.IndexRune(letters, letter)] += own[axis]
		}
		return by
	}
	x, y := in[0].gather(dims, 0, steps(terms[0], in[0].Dims)), in[1].gather(dims, 0, steps(terms[1], in[1].Dims))
	out := NewArray(x.Type, dims[:len(result)]...)
	for i := range x.Data {
		out.Data[i*len(out.Data)/len(x.Data)] += x.Data[i] * y.Data[i]
	}
	return out, nil
}
