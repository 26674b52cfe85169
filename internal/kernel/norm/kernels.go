package norm

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

// The kernels work on a span of their tensors and have parameters for each of its
// columns. Vector variants take whole strips of columns; the loops here take the
// others, and are what the vector variants compute, to the bit.

// moments adds Σ d and Σ d² to acc, d = x - shift.
func moments(lv cpu.Level, acc sums, x, shift []float32, at span) {
	for c := momentsVector(lv, acc, x, shift, at); c < at.cols; c++ {
		var s, s2 float32
		for r := range at.rows {
			d := x[at.from+r*at.stride+c] - shift[c]
			s, s2 = s+d, fma.Float32(d, d, s2)
		}
		acc[0][c] += float64(s)
		acc[1][c] += float64(s2)
	}
}

// normalize writes y = (x - mean) scale + offset, then adds the residual, then
// applies the ReLU.
func normalize(lv cpu.Level, f *Forward, mean, scale, offset []float32, at span) {
	done := normalizeVector(lv, f, mean, scale, offset, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			v := fma.Float32(f.X[row+c]-mean[c], scale[c], offset[c])
			if f.Residual != nil {
				v += f.Residual[row+c]
			}
			if f.ReLU && v < 0 {
				v = 0
			}
			f.Y[row+c] = v
		}
	}
}

// gradSums adds Σ g and Σ g (x - mean) to acc.
func gradSums(lv cpu.Level, acc sums, b *Backward, mean []float32, at span) {
	for c := gradSumsVector(lv, acc, b, mean, at); c < at.cols; c++ {
		var s, sx float32
		for r := range at.rows {
			i := at.from + r*at.stride + c
			g := b.g(i)
			s, sx = s+g, fma.Float32(g, b.X[i]-mean[c], sx)
		}
		acc[0][c] += float64(s)
		acc[1][c] += float64(sx)
	}
}

// gradInput writes DX = k[0] g + (k[1] (x - mean) + k[2]), and DResidual = g.
func gradInput(lv cpu.Level, b *Backward, mean []float32, k [3][]float32, at span) {
	done := gradInputVector(lv, b, mean, k, at)
	for r := range at.rows {
		row := at.from + r*at.stride
		for c := done; c < at.cols; c++ {
			i := row + c
			g := b.g(i)
			v := fma.Float32(k[1][c], b.X[i]-mean[c], k[2][c])
			if b.DResidual != nil {
				b.DResidual[i] = g
			}
			b.DX[i] = fma.Float32(k[0][c], g, v)
		}
	}
}

// g is DY at element i, or 0 where the ReLU was off.
func (b *Backward) g(i int) float32 {
	if b.Y != nil && !(b.Y[i] > 0) {
		return 0
	}
	return b.DY[i]
}
