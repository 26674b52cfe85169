//go:build !purego

package eltwise

import "alike/internal/kernel/cpu"

// group is the number of elements that kernels take at a time.
const group = 16

// vector computes op by a vector kernel and reports whether there is one. Operands
// that op does not have are nil. Kernels take whole groups; what is left at the end
// goes through copies that are padded to one.
func vector(lv cpu.Level, op Op, dst, x, y, z []float32) bool {
	var d, bx, by, bz [group]float32
	if n := len(dst) / group * group; n > 0 {
		px, dx := operand(x, &bx)
		py, dy := operand(y, &by)
		pz, dz := operand(z, &bz)
		if !kernel(lv, op, &dst[0], px, py, pz, n, dx, dy, dz) {
			return false
		}
		if n == len(dst) {
			return true
		}
	}
	from := len(dst) / group * group
	tail(x, from, &bx)
	tail(y, from, &by)
	tail(z, from, &bz)
	ok := kernel(lv, op, &d[0], &bx[0], &by[0], &bz[0], group, 0, 0, 0)
	if ok {
		copy(dst[from:], d[:])
	}
	return ok
}

func kernel(lv cpu.Level, op Op, dst, x, y, z *float32, n, dx, dy, dz int) bool {
	switch lv {
	case cpu.AVX512:
		return kernelAVX512(op, dst, x, y, z, n, dx, dy, dz)
	case cpu.AVX2:
		return kernelAVX2(op, dst, x, y, z, n, dx, dy, dz)
	}
	return false
}

// operand returns where a kernel finds x, and how many bytes on its next group is:
// a single value is spread over buf, a group that serves for all.
func operand(x []float32, buf *[group]float32) (first *float32, step int) {
	switch len(x) {
	case 0:
		return nil, 0
	case 1:
		spread(x[0], buf)
		return &buf[0], 0
	}
	return &x[0], 4 * group
}

// tail copies the elements of x from an index on to buf.
func tail(x []float32, from int, buf *[group]float32) {
	if len(x) == 1 {
		spread(x[0], buf)
	} else if len(x) > from {
		copy(buf[:], x[from:])
	}
}

func spread(v float32, buf *[group]float32) {
	for i := range buf {
		buf[i] = v
	}
}
