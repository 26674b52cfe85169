//go:build !purego

package norm

import (
	"unsafe"

	"alike/internal/kernel/cpu"
)

// The functions below give the whole strips of a span to a vector kernel, and
// return how many columns those are.

func momentsVector(lv cpu.Level, acc sums[float32], x, shift []float32, at span) int {
	cols := at.strips(lv)
	if cols > 0 {
		pick(lv, momentsAVX2, momentsAVX512)(&x[at.from], &shift[0], &acc[0][0], &acc[1][0], at.rows, cols, 4*at.stride)
	}
	return cols
}

func normalizeVector(lv cpu.Level, f *Forward, mean, scale, offset []float32, at span) int {
	cols := at.strips(lv)
	if cols == 0 {
		return 0
	}
	x, y, m, s, o := &f.X[at.from], &f.Y[at.from], &mean[0], &scale[0], &offset[0]
	rows, stride, stream := at.rows, 4*at.stride, streaming(f.Y)
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
	return cols
}

func gradSumsVector(lv cpu.Level, acc sums[float32], b *Backward, mean []float32, at span) int {
	cols := at.strips(lv)
	if cols == 0 {
		return 0
	}
	x, dy, m, s, sx := &b.X[at.from], &b.DY[at.from], &mean[0], &acc[0][0], &acc[1][0]
	rows, stride := at.rows, 4*at.stride
	if b.Y == nil {
		pick(lv, gradSumsAVX2, gradSumsAVX512)(x, dy, m, s, sx, rows, cols, stride)
	} else {
		pick(lv, gradSumsReLUAVX2, gradSumsReLUAVX512)(x, dy, &b.Y[at.from], m, s, sx, rows, cols, stride)
	}
	return cols
}

func gradInputVector(lv cpu.Level, b *Backward, mean []float32, k [3][]float32, at span) int {
	cols := at.strips(lv)
	if cols == 0 {
		return 0
	}
	x, dy, dx, m, k0, k1, k2 := &b.X[at.from], &b.DY[at.from], &b.DX[at.from], &mean[0], &k[0][0], &k[1][0], &k[2][0]
	rows, stride, stream := at.rows, 4*at.stride, streaming(b.DX, b.DResidual)
	switch {
	case b.Y == nil:
		pick(lv, gradInputAVX2, gradInputAVX512)(x, dy, dx, m, k0, k1, k2, rows, cols, stride, stream)
	case b.DResidual == nil:
		pick(lv, gradInputReLUAVX2, gradInputReLUAVX512)(x, dy, dx, &b.Y[at.from], m, k0, k1, k2, rows, cols, stride, stream)
	default:
		pick(lv, gradInputReLUResidualAVX2, gradInputReLUResidualAVX512)(
			x, dy, dx, &b.Y[at.from], &b.DResidual[at.from], m, k0, k1, k2, rows, cols, stride, stream)
	}
	return cols
}

// streaming says whether kernels write these tensors past the caches, as 1 or 0.
// Of large ones little would stay there until it is read, and a line that is not
// cached would first be read in vain: writing around saves a third of the traffic.
func streaming(tensors ...[]float32) int {
	const large = 1 << 22  // elements; 16 MB is half of a big third-level cache
	const vector = 512 / 8 // bytes
	for _, t := range tensors {
		if t != nil && (len(t) < large || uintptr(unsafe.Pointer(&t[0]))%vector != 0) {
			return 0
		}
	}
	return 1
}

// strips is how many of the columns a vector kernel takes.
func (at span) strips(lv cpu.Level) int {
	if lv == cpu.Generic {
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
	n := span{cols: len(x)}.strips(lv)
	if n > 0 {
		pick(lv, widenAVX2, widenAVX512)(&acc[0], &x[0], n)
	}
	return n
}
