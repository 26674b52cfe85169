package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes/float16"

	"alike/internal/half"
)

// Array is a tensor to compute with. Whatever its type, its values are kept as float64, in which
// every number of the types that are read is exact (of int64 those up to 2^53).
type Array struct {
	Type ElemType
	Dims []int
	Data []float64 // row-major
}

// mostValues is what an array may hold: more than networks on images need, and what a machine has room for when a file
// states more.
const mostValues = 1 << 26

// NewArray is an array of zeros. It panics where that is too many.
func NewArray(t ElemType, dims ...int) *Array {
	n, err := size(dims)
	if err == nil && n > mostValues {
		err = fmt.Errorf("an array of %v is too large to compute with", dims)
	}
	if err != nil {
		panic(err)
	}
	return &Array{t, dims, make([]float64, n)}
}

// FromFloat32 is an array of float32.
func FromFloat32(x []float32, dims ...int) *Array {
	a := &Array{Float32, dims, make([]float64, len(x))}
	for i, v := range x {
		a.Data[i] = float64(v)
	}
	return a
}

// Scalar is an array without axes.
func Scalar(t ElemType, v float64) *Array { return &Array{t, nil, []float64{v}} }

// IntVector is an array of int64 with one axis, as shapes, axes and pads are given.
func IntVector(v ...int) *Array {
	a := NewArray(Int64, len(v))
	for i, x := range v {
		a.Data[i] = float64(x)
	}
	return a
}

// As is the array with its values converted, as Cast does it.
func (a *Array) As(t ElemType) *Array {
	b := &Array{t, a.Dims, make([]float64, len(a.Data))}
	for i, v := range a.Data {
		if a.Type.IsFloat() && t != Bool && !t.IsFloat() { // towards zero
			v = math.Trunc(v)
		}
		b.Data[i] = v
	}
	b.round()
	return b
}

// round makes the values those of the array's type.
func (a *Array) round() {
	switch a.Type {
	case Float32:
		for i, v := range a.Data {
			a.Data[i] = float64(float32(v))
		}
	case Float16:
		for i, v := range a.Data {
			a.Data[i] = float64(float16.FromBits(half.Bits(float32(v))).Float32())
		}
	case Bool:
		for i, v := range a.Data {
			if v != 0 {
				a.Data[i] = 1
			}
		}
	}
}

// Tensor is the array as a file holds it.
func (a *Array) Tensor(name string) Tensor {
	order := binary.LittleEndian
	raw := make([]byte, 0, len(a.Data)*a.Type.Bytes())
	for _, v := range a.Data {
		switch a.Type {
		case Float32:
			raw = order.AppendUint32(raw, math.Float32bits(float32(v)))
		case Float64:
			raw = order.AppendUint64(raw, math.Float64bits(v))
		case Float16:
			raw = order.AppendUint16(raw, half.Bits(float32(v)))
		case Int64:
			raw = order.AppendUint64(raw, uint64(int64(v)))
		case Int32:
			raw = order.AppendUint32(raw, uint32(int32(v)))
		default:
			raw = append(raw, byte(int64(v)))
		}
	}
	return Tensor{Name: name, Type: a.Type, Dims: a.Dims, Raw: raw}
}

// Array decodes the values of a tensor.
func (t *Tensor) Array() (*Array, error) {
	width := t.Type.Bytes()
	n, err := size(t.Dims)
	if err != nil || width == 0 || len(t.Raw) != n*width {
		return nil, fmt.Errorf("tensor %s of %s with shape %v and %d bytes is not read", t.Name, t.Type, t.Dims, len(t.Raw))
	}
	a := NewArray(t.Type, t.Dims...)
	order := binary.LittleEndian
	for i := range a.Data {
		b := t.Raw[i*width:]
		switch t.Type {
		case Float32:
			a.Data[i] = float64(math.Float32frombits(order.Uint32(b)))
		case Float64:
			a.Data[i] = math.Float64frombits(order.Uint64(b))
		case Float16:
			a.Data[i] = float64(float16.FromBits(order.Uint16(b)).Float32())
		case Int64:
			a.Data[i] = float64(int64(order.Uint64(b)))
		case Int32:
			a.Data[i] = float64(int32(order.Uint32(b)))
		case Int8:
			a.Data[i] = float64(int8(b[0]))
		default:
			a.Data[i] = float64(b[0])
		}
	}
	return a, nil
}

// Float32s copies the values.
func (a *Array) Float32s() []float32 {
	x := make([]float32, len(a.Data))
	for i, v := range a.Data {
		x[i] = float32(v)
	}
	return x
}

// Ints are the values of a shape, or of axes. What is beyond 2^53, as exporters write for the end of all, stays so.
func (a *Array) Ints() []int {
	x := make([]int, len(a.Data))
	for i, v := range a.Data {
		x[i] = int(math.Max(-1<<53, math.Min(v, 1<<53)))
	}
	return x
}

// strides are the steps between neighbours along each axis.
func strides(dims []int) []int {
	s, step := make([]int, len(dims)), 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i], step = step, step*dims[i]
	}
	return s
}

// gather returns an array of the given shape whose value at an index is that of a at the place
// start + Σ index_i steps_i: a view of a, copied.
func (a *Array) gather(dims []int, start int, steps []int) *Array {
	out := NewArray(a.Type, dims...)
	index, place := make([]int, len(dims)), start
	for i := range out.Data {
		out.Data[i] = a.Data[place]
		for axis := len(dims) - 1; axis >= 0; axis-- {
			index[axis]++
			place += steps[axis]
			if index[axis] < dims[axis] {
				break
			}
			place -= index[axis] * steps[axis]
			index[axis] = 0
		}
	}
	return out
}

// Transpose returns the array with axis i being axis permutation[i] of a.
func (a *Array) Transpose(permutation []int) *Array {
	from := strides(a.Dims)
	dims, steps := make([]int, len(from)), make([]int, len(from))
	for i, p := range permutation {
		dims[i], steps[i] = a.Dims[p], from[p]
	}
	return a.gather(dims, 0, steps)
}

// Broadcast returns the array with the given shape: axes are aligned at the last, and those of
// length 1 are repeated.
func (a *Array) Broadcast(dims []int) (*Array, error) {
	from, steps := strides(a.Dims), make([]int, len(dims))
	for i, d := range a.Dims {
		at := len(dims) - len(a.Dims) + i
		switch {
		case at < 0 || d != dims[at] && d != 1:
			return nil, fmt.Errorf("the shape %v does not fit %v", a.Dims, dims)
		case d == dims[at]:
			steps[at] = from[i]
		}
	}
	return a.gather(dims, 0, steps), nil
}

// CommonShape is what shapes that are computed with element by element become.
func CommonShape(shapes ...[]int) ([]int, error) {
	var common []int
	for _, s := range shapes {
		for len(common) < len(s) {
			common = append([]int{1}, common...)
		}
		for i, d := range s {
			switch at := len(common) - len(s) + i; {
			case common[at] == 1:
				common[at] = d
			case d != 1 && d != common[at]:
				return nil, fmt.Errorf("the shapes %v do not fit each other", shapes)
			}
		}
	}
	return common, nil
}
