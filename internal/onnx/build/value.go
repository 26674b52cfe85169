package build

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/internal/onnx"
)

// Value is a tensor of a graph: a constant, a weight of the file, or a node of the program.
type Value struct {
	b    *builder
	typ  onnx.ElemType // as the file has it
	dims []int         // in the order of the file

	constant *onnx.Array // what was computed beforehand
	weight   *weight     // what the file states
	node     *Node       // of float32, or of booleans
	order    []int       // axis i of node, or of weight, is axis order[i] of the value
}

// weight is a tensor of the file, decoded when it is asked for.
type weight struct {
	tensor *onnx.Tensor
	key    string // of its variable
	array  *onnx.Array
}

// fewValues is what a weight may have to be a constant of the program; others are variables, which programs share.
const fewValues = 1 << 12

// made is a value whose node's axis i is its axis order[i].
func (b *builder) made(t onnx.ElemType, node *Node, order []int) *Value {
	dims := make([]int, len(order))
	for i, axis := range order {
		dims[axis] = node.Shape().Dim(i)
	}
	size := 1
	for _, d := range dims {
		if d < 1 || size > mostValues/d {
			panic(fmt.Errorf("it makes a tensor of %v", dims))
		}
		size *= d
	}
	return &Value{b: b, typ: t, dims: dims, node: node, order: order}
}

// constant is a value that is known.
func (b *builder) constant(a *onnx.Array) *Value {
	return &Value{b: b, typ: a.Type, dims: a.Dims, constant: a, order: identity(len(a.Dims))}
}

// Dims is the value's shape.
func (v *Value) Dims() []int { return v.dims }

func (v *Value) known() bool { return v.constant != nil || v.weight != nil }

// array is the value of what is known, of its type.
func (v *Value) array() *onnx.Array {
	a := v.stated()
	if a.Type != v.typ { // after a Cast
		return a.As(v.typ)
	}
	return a
}

// stated is the value of what is known as the file states it.
func (v *Value) stated() *onnx.Array {
	switch {
	case v.constant != nil:
		return v.constant
	case v.weight == nil:
		panic(fmt.Errorf("an input depends on the images; want a constant"))
	}
	if v.weight.array == nil {
		a, err := v.weight.tensor.Array()
		if err != nil {
			panic(err)
		}
		v.b.spend(len(a.Data))
		v.weight.array = a
	}
	a := v.weight.array
	if slices.IsSorted(v.order) {
		return a
	}
	return a.Transpose(inverse(v.order))
}

// floats are the values of what is known, in its order.
func (v *Value) floats() []float32 {
	if v.weight != nil && v.weight.tensor.Type == onnx.Float32 && slices.IsSorted(v.order) {
		return stored(v.weight.tensor)
	}
	return v.array().Float32s()
}

// stored are the values of a tensor of float32.
func stored(t *onnx.Tensor) []float32 {
	flat := make([]float32, len(t.Raw)/4)
	for i := range flat {
		flat[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*i:]))
	}
	return flat
}

// at is the value's node, whose axes lie in the order that v.order says.
func (v *Value) at() *Node {
	if v.node != nil {
		return v.node
	}
	switch {
	case v.weight != nil && v.weight.tensor.Type != onnx.Bool && len(v.weight.tensor.Raw)/max(1, v.weight.tensor.Type.Bytes()) > fewValues:
		v.node = v.b.variable(v.weight.key, v.weight.tensor.Dims, func() []float32 {
			if v.weight.tensor.Type == onnx.Float32 {
				return stored(v.weight.tensor)
			}
			a, err := v.weight.tensor.Array()
			if err != nil {
				panic(err)
			}
			return a.Float32s()
		})
	case v.weight != nil:
		a := v.array() // in the value's own order
		v.constant, v.weight, v.order = a, nil, identity(len(a.Dims))
		v.node = v.b.literal(a)
	default:
		v.node = v.b.literal(v.constant)
	}
	return v.node
}

// literal is a constant of the program.
func (b *builder) literal(a *onnx.Array) *Node {
	if a.Type == onnx.Bool {
		flat := make([]bool, len(a.Data))
		for i, x := range a.Data {
			flat[i] = x != 0
		}
		return ConstTensor(b.graph, tensors.FromFlatDataAndDimensions(flat, a.Dims...))
	}
	return ConstTensor(b.graph, tensors.FromFlatDataAndDimensions(a.Float32s(), a.Dims...))
}

// variable is a weight of the program, made by the first program that wants it.
func (b *builder) variable(key string, dims []int, values func() []float32) *Node {
	key = strings.ReplaceAll(key, "/", "_")
	if b.scope.GetVariable(key) != nil {
		return b.scope.VariableWithShape(key, shapes.Make(dtypes.Float32, dims...)).SetTrainable(false).NodeValue(b.graph)
	}
	return b.scope.VariableWithValue(key, tensors.FromFlatDataAndDimensions(values(), dims...)).SetTrainable(false).NodeValue(b.graph)
}

// arranged is the value's node with its axes in an order.
func (v *Value) arranged(order []int) *Node {
	node := v.at()
	if slices.Equal(v.order, order) {
		return node
	}
	long := func(axis int) bool { return v.dims[axis] == 1 }
	if slices.Equal(slices.DeleteFunc(slices.Clone(v.order), long), slices.DeleteFunc(slices.Clone(order), long)) {
		return Reshape(node, permuted(v.dims, order)...)
	}
	return TransposeAllAxes(node, permuted(inverse(v.order), order)...)
}

// Plain is the value's node in the order of the file.
func (v *Value) Plain() *Node { return v.arranged(identity(len(v.dims))) }

// place is where an axis lies in the node.
func (v *Value) place(axis int) int { return slices.Index(v.order, axis) }

// transposed is the value with axis i being axis permutation[i]; nothing moves.
func (v *Value) transposed(permutation []int) *Value {
	t := *v
	if v.constant != nil {
		t.constant, t.node = v.constant.Transpose(permutation), nil
		t.dims, t.order = t.constant.Dims, identity(len(permutation))
		return &t
	}
	t.dims, t.order = permuted(v.dims, permutation), permuted(inverse(permutation), v.order)
	return &t
}

// reshaped is the value with other axes. Where what is split or joined lies together in the node, nothing moves.
func (v *Value) reshaped(dims []int) *Value {
	if v.known() {
		a := v.array()
		return v.b.constant(&onnx.Array{Type: a.Type, Dims: dims, Data: a.Data})
	}
	if order, ok := v.regrouped(dims); ok {
		return v.b.made(v.typ, Reshape(v.at(), permuted(dims, order)...), order)
	}
	return v.b.made(v.typ, Reshape(v.Plain(), dims...), identity(len(dims)))
}

// regrouped finds the order of the axes of a shape that a node has if its axes are split and joined where they lie;
// false if those to be joined lie apart.
func (v *Value) regrouped(dims []int) (order []int, ok bool) {
	type group struct{ from, to []int } // axes that hold the same elements
	var groups []group
	j := 0
	for i := 0; i < len(v.dims); i++ {
		if v.dims[i] == 1 {
			continue
		}
		g, from, to := group{from: []int{i}}, v.dims[i], 1
		for from != to {
			if from < to {
				if i++; i == len(v.dims) {
					return nil, false
				}
				if from *= v.dims[i]; v.dims[i] > 1 {
					g.from = append(g.from, i)
				}
				continue
			}
			if j == len(dims) {
				return nil, false
			}
			if to *= dims[j]; dims[j] > 1 {
				g.to = append(g.to, j)
			}
			j++
		}
		groups = append(groups, g)
	}
	for i := 0; i < len(v.order); {
		if v.dims[v.order[i]] == 1 {
			i++
			continue
		}
		at := slices.IndexFunc(groups, func(g group) bool { return g.from[0] == v.order[i] })
		if at < 0 {
			return nil, false
		}
		for _, axis := range groups[at].from {
			for i < len(v.order) && v.dims[v.order[i]] == 1 {
				i++
			}
			if i == len(v.order) || v.order[i] != axis {
				return nil, false
			}
			i++
		}
		order = append(order, groups[at].to...)
	}
	for i, d := range dims {
		if d == 1 {
			order = append(order, i)
		}
	}
	return order, len(order) == len(dims)
}

// together are the nodes of values that are computed with element by element, with axes in one order: that of the
// largest of them that depends on the images.
func (b *builder) together(in ...*Value) (nodes []*Node, order []int) {
	rank := 0
	for _, v := range in {
		rank = max(rank, len(v.dims))
	}
	order = identity(rank)
	size := 0
	for _, v := range in {
		if n := sizeOf(v.dims); !v.known() && len(v.dims) == rank && n > size {
			order, size = v.order, n
		}
	}
	var all [][]int
	for _, v := range in {
		all = append(all, v.dims)
	}
	commonShape(all...)
	for _, v := range in {
		nodes = append(nodes, v.spread(order))
	}
	return nodes, order
}

// spread is the value's node with as many axes as the order has, in that order, those that it lacks of length 1.
func (v *Value) spread(order []int) *Node {
	lacks := len(order) - len(v.dims)
	var own []int
	dims := make([]int, len(order))
	for i, axis := range order {
		dims[i] = 1
		if axis >= lacks {
			own = append(own, axis-lacks)
			dims[i] = v.dims[axis-lacks]
		}
	}
	node := v.arranged(own)
	if slices.Equal(node.Shape().Dimensions, dims) {
		return node
	}
	return Reshape(node, dims...)
}

// commonShape is what shapes that are computed with element by element become.
func commonShape(all ...[]int) []int {
	dims, err := onnx.CommonShape(all...)
	if err != nil {
		panic(err)
	}
	for _, d := range dims {
		if d < 1 {
			panic(fmt.Errorf("it makes a tensor of %v", dims))
		}
	}
	if sizeOf(dims) > mostValues {
		panic(fmt.Errorf("it makes a tensor of %v", dims))
	}
	return dims
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// permuted are the values of an order of axes, in that order.
func permuted(values, order []int) []int {
	out := make([]int, len(order))
	for i, axis := range order {
		out[i] = values[axis]
	}
	return out
}

func inverse(order []int) []int {
	back := make([]int, len(order))
	for i, axis := range order {
		back[axis] = i
	}
	return back
}

func sizeOf(dims []int) int {
	n := 1
	for _, d := range dims {
		if d > 0 && n > math.MaxInt32*16/d {
			panic(fmt.Errorf("a tensor of %v is too large", dims))
		}
		n *= d
	}
	return n
}
