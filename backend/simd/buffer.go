package simd

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// buffer is a tensor outside of a program: a Go slice of its element type.
type buffer struct {
	backend *Backend
	shape   shapes.Shape
	flat    any // nil once finalized
}

var errFinalized = errors.New("the buffer is finalized")

func newBuffer(b *Backend, shape shapes.Shape) *buffer {
	return &buffer{b, shape, newFlat(shape)}
}

// newFlat allocates the elements of a tensor. Those of float32 and
// bfloat16 begin on a multiple of 64 bytes; those of less than a byte are packed.
func newFlat(shape shapes.Shape) any {
	n := shape.Size()
	if inArena(shape) {
		return typed(shape, alignedFloats(arenaFloats(shape)))
	}
	if shape.DType.IsPacked() {
		n = int(shape.ByteSize())
	}
	t := reflect.SliceOf(shape.DType.GoType())
	return reflect.MakeSlice(t, n, n).Interface()
}

// copyFlat copies elements between slices of one type and length.
func copyFlat(dst, src any) error {
	if d, ok := dst.([]float32); ok {
		if s, ok := src.([]float32); ok && len(s) == len(d) {
			copy(d, s)
			return nil
		}
	}
	d, s := reflect.ValueOf(dst), reflect.ValueOf(src)
	if d.Type() != s.Type() || d.Len() != s.Len() {
		return fmt.Errorf("copying %d elements of %s to %d of %s", s.Len(), s.Type(), d.Len(), d.Type())
	}
	reflect.Copy(d, s)
	return nil
}

func (b *buffer) Backend() compute.Backend { return b.backend }

func (b *buffer) Finalize() error {
	b.flat = nil
	return nil
}

func (b *buffer) Shape() (shapes.Shape, error) { return b.shape, nil }

func (b *buffer) DeviceNum() (compute.DeviceNum, error) { return 0, nil }

func (b *buffer) ToFlatData(flat any) error {
	if b.flat == nil {
		return errFinalized
	}
	return copyFlat(flat, b.flat)
}

func (b *buffer) Data() (any, error) {
	if b.flat == nil {
		return nil, errFinalized
	}
	return b.flat, nil
}

func (b *buffer) CopyToDevice(compute.DeviceNum) (compute.Buffer, error) {
	if b.flat == nil {
		return nil, errFinalized
	}
	return b.backend.BufferFromFlatData(0, b.flat, b.shape)
}
