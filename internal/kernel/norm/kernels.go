package norm

import (
	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

// The kernels go over a span of their tensors row by row, from the first element to
// the last: processors fetch ahead what is read in order, and it makes wide tensors
// twice as fast as going down a few columns at a time. Parameters and sums, one for
// each column, come from the first-level cache.
//
// Vector variants take whole strips of columns; the loops here take the
// others, and are what the vector variants compute, to the bit.

// moments adds Σ d and Σ d² to acc, d = x - shift.
func moments[E Element](lv cpu.Level, acc sums[float32], x []E, shift []float32, at span) {
	done := momentsVector(lv, acc, x, shift, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			d := value(x[row+c]) - shift[c]
			acc[0][c] += d
			acc[1][c] = fma.Float32(d, d, acc[1][c])
		}
	}
}

// normalize writes y = (x - mean) scale + offset, then adds the residual, then
// applies the ReLU.
func normalize[E Element](lv cpu.Level, f *Forward[E], m affine, at span) {
	done := normalizeVector(lv, f, m, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			v := fma.Float32(value(f.X[row+c])-m.mean[c], m.scale[c], m.offset[c])
			if f.Residual != nil {
				v += value(f.Residual[row+c])
			}
			if f.ReLU && v < 0 {
				v = 0
			}
			f.Y[row+c] = element[E](v)
		}
	}
}

// gradSums adds Σ g and Σ g (x - mean) to acc.
func gradSums[E Element](lv cpu.Level, acc sums[float32], b *Backward[E], m affine, at span) {
	done := gradSumsVector(lv, acc, b, m, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			g, d := b.g(row+c, m, c)
			acc[0][c] += g
			acc[1][c] = fma.Float32(g, d, acc[1][c])
		}
	}
}

// gradInput writes DX = scale g + (k[0] (x - mean) + k[1]), and DResidual = g.
func gradInput[E Element](lv cpu.Level, b *Backward[E], m affine, k [2][]float32, at span) {
	done := gradInputVector(lv, b, m, k, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			i := row + c
			g, d := b.g(i, m, c)
			v := fma.Float32(k[0][c], d, k[1][c])
			if b.DResidual != nil {
				b.DResidual[i] = element[E](g)
			}
			b.DX[i] = element[E](fma.Float32(m.scale[c], g, v))
		}
	}
}

// g is DY at element i, of column c, or 0 where the ReLU was off; d is X - mean.
func (b *Backward[E]) g(i int, m affine, c int) (g, d float32) {
	d = value(b.X[i]) - m.mean[c]
	if b.Y != nil && !(value(b.Y[i]) > 0) || b.Offset != nil && !(fma.Float32(d, m.scale[c], m.offset[c]) > 0) {
		return 0, d
	}
	return value(b.DY[i]), d
}

// value is an element as a number.
func value[E Element](e E) float32 {
	if h, ok := any(e).(bf16.T); ok {
		return h.Float32()
	}
	return float32(e)
}

// element is the one nearest to a number.
func element[E Element](v float32) (e E) {
	if h, ok := any(&e).(*bf16.T); ok {
		h.SetFloat32(v)
		return e
	}
	return E(v)
}

// widen adds x to acc.
func widen(lv cpu.Level, acc []float64, x []float32) {
	for i := widenVector(lv, acc, x); i < len(x); i++ {
		acc[i] += float64(x[i])
	}
}
