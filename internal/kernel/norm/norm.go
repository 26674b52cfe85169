// Package norm is batch normalisation (Ioffe and Szegedy 2015) over the last axis
// of x [R, C], row-major, where R = N*H*W is everything that is averaged over:
//
//	mean[c] = 1/R Σ_r x[r,c]
//	var[c]  = 1/R Σ_r (x[r,c] - mean[c])²          (of the population, not R-1)
//	x̂[r,c]  = (x[r,c] - mean[c]) / √(var[c] + ε)
//	y[r,c]  = scale[c] x̂[r,c] + offset[c]
//
// and its gradient, optionally together with the ReLU and the residual addition
// that follow it in a network. Each function reads its tensors once.
//
// Tensors are float32 or bfloat16, computed with in float32; what belongs to a
// channel is float32.
//
// Results depend on the shape alone: neither the number of workers nor the variant
// (generic, AVX2, AVX-512) changes a bit. Slices of wrong length panic.
package norm

import (
	"fmt"
	"math"
	"slices"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg norm

// Element is what tensors are made of.
type Element interface{ float32 | bf16.T }

// Scratch is working memory, grown as needed and kept from call to call; one call
// at a time may use it. The zero value is ready.
type Scratch struct {
	sums   []float64
	params []float32
}

// Stats sets mean and variance [C] to those of the columns of x [R, C]; R > 0.
//
// Sums are taken of x - K, with K[c] the mean of a few rows spread over x, so a
// mean far from zero costs no precision: the variance is right to about 1e-5 of
// itself unless the column's mean is tens of standard deviations away from K.
func Stats[E Element](p *pool.Pool, lv cpu.Level, s *Scratch, x []E, mean, variance []float32) {
	t := newTable(len(x), len(mean))
	t.expect("variance", len(variance), t.cols)
	params := s.tile(t, 3)
	shift := params[0]
	sampleMeans(t, lv, x, shift, params[1][:t.cols], params[2][:t.cols])
	total := t.sum(p, lv, s, func(acc sums[float32], at span) {
		moments(lv, acc, x, shift, at)
	})
	rows := float64(len(x) / t.cols)
	for c := range mean {
		d, d2 := total[0][c]/rows, total[1][c]/rows
		mean[c] = float32(float64(shift[c]) + d)
		variance[c] = float32(max(0, d2-d*d))
	}
}

// Forward is the normalisation of X with given statistics: those of Stats when
// training, running averages in inference.
type Forward[E Element] struct {
	X, Y                          []E       // [R, C]; Y is written and may be X
	Mean, Variance, Scale, Offset []float32 // [C]
	Epsilon                       float32   // ε > 0
	Residual                      []E       // nil, or [R, C] added to y
	ReLU                          bool      // y = max(0, y), last of all; NaN stays NaN
}

// Normalize writes f.Y.
func Normalize[E Element](p *pool.Pool, lv cpu.Level, s *Scratch, f *Forward[E]) {
	t := newTable(len(f.X), len(f.Scale))
	t.expect("Y", len(f.Y), len(f.X))
	t.expect("Residual", len(f.Residual), 0, len(f.X))
	for _, v := range [][]float32{f.Mean, f.Variance, f.Offset} {
		t.expect("a parameter", len(v), t.cols)
	}
	params := s.tile(t, 3)
	m := affine{params[0], params[1], params[2]}
	m.set(f.Mean, f.Variance, f.Scale, f.Offset, f.Epsilon)
	t.repeat(params...)
	t.each(p, func(at span) { normalize(lv, f, m, at) })
}

// Backward is the gradient of Forward with respect to its inputs, where Mean and
// Variance were those of X itself. With g = DY, or 0 where the ReLU was off, which Y
// says, or X itself where nothing was added before the ReLU, and ŝ = Scale/√(Variance+ε):
//
//	DOffset[c]     = Σ_r g[r,c]
//	DScale[c]      = Σ_r g[r,c] x̂[r,c]
//	DX[r,c]        = ŝ[c] (g[r,c] - DOffset[c]/R - x̂[r,c] DScale[c]/R)
//	DResidual[r,c] = g[r,c]
type Backward[E Element] struct {
	X, DY                 []E       // [R, C]
	Y                     []E       // nil, or [R, C], what Normalize wrote with ReLU: g passes where Y > 0
	Offset                []float32 // nil, or [C], where Normalize had ReLU and no Residual: g passes where its y > 0
	Mean, Variance, Scale []float32 // [C]
	Epsilon               float32
	DScale, DOffset       []float32 // [C]: GradSums writes, GradInput reads
	DX                    []E       // [R, C], written by GradInput; may be DY
	DResidual             []E       // nil, or [R, C], written by GradInput if Y is given; may be DY
}

// GradSums writes b.DScale and b.DOffset.
func GradSums[E Element](p *pool.Pool, lv cpu.Level, s *Scratch, b *Backward[E]) {
	t := b.table()
	params := s.tile(t, 3)
	m := affine{params[0], params[1], params[2]}
	m.set(b.Mean, b.Variance, b.Scale, b.Offset, b.Epsilon)
	t.repeat(params...)
	total := t.sum(p, lv, s, func(acc sums[float32], at span) { gradSums(lv, acc, b, m, at) })
	for c := range t.cols {
		b.DOffset[c] = float32(total[0][c])
		b.DScale[c] = float32(total[1][c] * rstd(b.Variance[c], b.Epsilon))
	}
}

// GradInput writes b.DX, and b.DResidual if there is one.
func GradInput[E Element](p *pool.Pool, lv cpu.Level, s *Scratch, b *Backward[E]) {
	t := b.table()
	t.expect("DX", len(b.DX), len(b.X))
	t.expect("DResidual", len(b.DResidual), 0, len(b.Y))
	params := s.tile(t, 5)
	m, k := affine{params[0], params[1], params[2]}, [2][]float32(params[3:])
	m.set(b.Mean, b.Variance, b.Scale, b.Offset, b.Epsilon)
	rows := float64(len(b.X) / t.cols)
	for c := range t.cols {
		inv := rstd(b.Variance[c], b.Epsilon)
		scale := float64(b.Scale[c]) * inv
		k[0][c] = float32(-scale * inv * float64(b.DScale[c]) / rows)
		k[1][c] = float32(-scale * float64(b.DOffset[c]) / rows)
	}
	t.repeat(params...)
	t.each(p, func(at span) { gradInput(lv, b, m, k, at) })
}

// affine is a normalisation as kernels compute it: y = (x - mean) scale + offset.
type affine struct{ mean, scale, offset []float32 }

// set sets the parameters of the columns. There may be no offset.
func (m affine) set(mean, variance, scale, offset []float32, epsilon float32) {
	copy(m.mean, mean)
	copy(m.offset, offset)
	for c := range scale {
		m.scale[c] = float32(float64(scale[c]) * rstd(variance[c], epsilon))
	}
}

// rstd is 1/√(variance + ε).
func rstd(variance, epsilon float32) float64 {
	return 1 / math.Sqrt(float64(variance)+float64(epsilon))
}

func (b *Backward[E]) table() table {
	t := newTable(len(b.X), len(b.Scale))
	t.expect("DY", len(b.DY), len(b.X))
	t.expect("Y", len(b.Y), 0, len(b.X))
	t.expect("Offset", len(b.Offset), 0, t.cols)
	for _, v := range [][]float32{b.Mean, b.Variance, b.DScale, b.DOffset} {
		t.expect("a parameter", len(v), t.cols)
	}
	return t
}

// expect panics unless length is one of lengths.
func (t table) expect(name string, length int, lengths ...int) {
	if !slices.Contains(lengths, length) {
		panic(fmt.Sprintf("norm: %s has %d elements, want %d", name, length, lengths[len(lengths)-1]))
	}
}
