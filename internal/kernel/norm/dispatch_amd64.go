//go:build !purego

package norm

import (
	"unsafe"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
)

// The functions below give the whole strips of a span to a vector kernel, and
// return how many columns those are.

func momentsVector[E Element](lv cpu.Level, acc sums[float32], x []E, shift []float32, at span) int {
	cols := strips[E](at, lv)
	if cols == 0 {
		return 0
	}
	k, s, s2 := &shift[0], &acc[0][0], &acc[1][0]
	switch x := any(x).(type) {
	case []bf16.T:
		momentsHalf(raw(x, at), k, s, s2, at.rows, cols, 2*at.stride)
	case []float32:
		pick(lv, momentsAVX2, momentsAVX512)(&x[at.from], k, s, s2, at.rows, cols, 4*at.stride)
	}
	return cols
}

func normalizeVector[E Element](lv cpu.Level, f *Forward[E], mp affine, at span) int {
	cols := strips[E](at, lv)
	if cols == 0 {
		return 0
	}
	m, s, o := &mp.mean[0], &mp.scale[0], &mp.offset[0]
	rows, stream := at.rows, streaming(f.Y)
	switch f := any(f).(type) {
	case *Forward[bf16.T]:
		x, y, stride := raw(f.X, at), raw(f.Y, at), 2*at.stride
		switch {
		case f.Residual == nil && !f.ReLU:
			normalizeHalf(x, y, m, s, o, rows, cols, stride, stream)
		case f.Residual == nil:
			normalizeReLUHalf(x, y, m, s, o, rows, cols, stride, stream)
		case !f.ReLU:
			normalizeResidualHalf(x, y, raw(f.Residual, at), m, s, o, rows, cols, stride, stream)
		default:
			normalizeResidualReLUHalf(x, y, raw(f.Residual, at), m, s, o, rows, cols, stride, stream)
		}
	case *Forward[float32]:
		x, y, stride := &f.X[at.from], &f.Y[at.from], 4*at.stride
		switch {
		case f.Residual == nil && !f.ReLU:
			pick(lv, normalizeAVX2, normalizeAVX512)(x, y, m, s, o, rows, cols, stride, stream)
		case f.Residual == nil:
			pick(lv, normalizeReLUAVX2, normalizeReLUAVX512)(x, y, m, s, o, rows, cols, stride, stream)
		case !f.ReLU:
			pick(lv, normalizeResidualAVX2, normalizeResidualAVX512)(x, y, &f.Residual[at.from], m, s, o, rows, cols, stride, stream)
		default:
			pick(lv, normalizeResidualReLUAVX2, normalizeResidualReLUAVX512)(x, y, &f.Residual[at.from], m, s, o, rows, cols, stride, stream)
		}
	}
	return cols
}

func gradSumsVector[E Element](lv cpu.Level, acc sums[float32], b *Backward[E], mp affine, at span) int {
	cols := strips[E](at, lv)
	if cols == 0 {
		return 0
	}
	m, scale, o := &mp.mean[0], &mp.scale[0], &mp.offset[0]
	s, sx := &acc[0][0], &acc[1][0]
	switch b := any(b).(type) {
	case *Backward[bf16.T]:
		x, dy, stride := raw(b.X, at), raw(b.DY, at), 2*at.stride
		switch {
		case b.Offset != nil:
			gradSumsOwnReLUHalf(x, dy, m, scale, o, s, sx, at.rows, cols, stride)
		case b.Y == nil:
			gradSumsHalf(x, dy, m, s, sx, at.rows, cols, stride)
		default:
			gradSumsReLUHalf(x, dy, raw(b.Y, at), m, s, sx, at.rows, cols, stride)
		}
	case *Backward[float32]:
		x, dy, stride := &b.X[at.from], &b.DY[at.from], 4*at.stride
		switch {
		case b.Offset != nil:
			pick(lv, gradSumsOwnReLUAVX2, gradSumsOwnReLUAVX512)(x, dy, m, scale, o, s, sx, at.rows, cols, stride)
		case b.Y == nil:
			pick(lv, gradSumsAVX2, gradSumsAVX512)(x, dy, m, s, sx, at.rows, cols, stride)
		default:
			pick(lv, gradSumsReLUAVX2, gradSumsReLUAVX512)(x, dy, &b.Y[at.from], m, s, sx, at.rows, cols, stride)
		}
	}
	return cols
}

func gradInputVector[E Element](lv cpu.Level, b *Backward[E], mp affine, k [2][]float32, at span) int {
	cols := strips[E](at, lv)
	if cols == 0 {
		return 0
	}
	m, k0, k1, k2, o := &mp.mean[0], &mp.scale[0], &k[0][0], &k[1][0], &mp.offset[0]
	rows, stream := at.rows, streaming(b.DX, b.DResidual)
	switch b := any(b).(type) {
	case *Backward[bf16.T]:
		x, dy, dx, stride := raw(b.X, at), raw(b.DY, at), raw(b.DX, at), 2*at.stride
		switch {
		case b.Offset != nil:
			gradInputOwnReLUHalf(x, dy, dx, m, k0, k1, k2, o, rows, cols, stride, stream)
		case b.Y == nil:
			gradInputHalf(x, dy, dx, m, k0, k1, k2, rows, cols, stride, stream)
		case b.DResidual == nil:
			gradInputReLUHalf(x, dy, dx, raw(b.Y, at), m, k0, k1, k2, rows, cols, stride, stream)
		default:
			gradInputReLUResidualHalf(x, dy, dx, raw(b.Y, at), raw(b.DResidual, at), m, k0, k1, k2, rows, cols, stride, stream)
		}
	case *Backward[float32]:
		x, dy, dx, stride := &b.X[at.from], &b.DY[at.from], &b.DX[at.from], 4*at.stride
		switch {
		case b.Offset != nil:
			pick(lv, gradInputOwnReLUAVX2, gradInputOwnReLUAVX512)(x, dy, dx, m, k0, k1, k2, o, rows, cols, stride, stream)
		case b.Y == nil:
			pick(lv, gradInputAVX2, gradInputAVX512)(x, dy, dx, m, k0, k1, k2, rows, cols, stride, stream)
		case b.DResidual == nil:
			pick(lv, gradInputReLUAVX2, gradInputReLUAVX512)(x, dy, dx, &b.Y[at.from], m, k0, k1, k2, rows, cols, stride, stream)
		default:
			pick(lv, gradInputReLUResidualAVX2, gradInputReLUResidualAVX512)(
				x, dy, dx, &b.Y[at.from], &b.DResidual[at.from], m, k0, k1, k2, rows, cols, stride, stream)
		}
	}
	return cols
}

// raw is where a span begins in a tensor, as kernels take it.
func raw(x []bf16.T, at span) *uint16 { return (*uint16)(&x[at.from]) }

// streaming says whether kernels write these tensors past the caches, as 1 or 0.
// Of large ones little would stay there until it is read, and a line that is not
// cached would first be read in vain: writing around saves a third of the traffic.
func streaming[E Element](tensors ...[]E) int {
	const large = 16 << 20 // bytes: half of a big third-level cache
	const vector = 512 / 8 // bytes
	for _, t := range tensors {
		if t != nil && (len(t)*int(unsafe.Sizeof(t[0])) < large || uintptr(unsafe.Pointer(&t[0]))%vector != 0) {
			return 0
		}
	}
	return 1
}

// strips is how many of the columns a vector kernel takes. Those of bfloat16 are
// for AVX-512 only.
func strips[E Element](at span, lv cpu.Level) int {
	if _, half := any(E(0)).(bf16.T); lv == cpu.Generic || half && lv < cpu.AVX512 {
		return 0
	}
	return at.cols / stripWidth * stripWidth
}

func pick[F any](lv cpu.Level, avx2, avx512 F) F {
	if lv == cpu.AVX512 {
		return avx512
	}
	return avx2
}

func widenVector(lv cpu.Level, acc []float64, x []float32) int {
	n := strips[float32](span{cols: len(x)}, lv)
	if n > 0 {
		pick(lv, widenAVX2, widenAVX512)(&acc[0], &x[0], n)
	}
	return n
}
