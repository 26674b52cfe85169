// Package conv computes two-dimensional convolutions of float32 images stored
// as NHWC, and their gradients, without unfolding images into matrices: for
// one output pixel and one row of the kernel, the inputs are one contiguous run.
//
// Results depend on the shape alone, not on the number of workers; all variants
// (generic, AVX2, AVX-512) of the forward product and of the input gradient
// give the same bits.
package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// Shape is the geometry of a convolution: x [N, H, W, C], w [KH, KW, C, O],
// y [N, OutH, OutW, O], without dilation or groups:
//
//	y[n,p,q,o] = Σ_{i,j,c} x[n, p·StrideH+i-PadTop, q·StrideW+j-PadLeft, c] · w[i,j,c,o]
//
// where x is 0 outside the image. OutH and OutW are free, which implies the
// padding at the bottom and on the right.
type Shape struct {
	N, H, W, C       int
	KH, KW, O        int
	StrideH, StrideW int
	PadTop, PadLeft  int
	OutH, OutW       int
}

// Forward computes y from x and w.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, x, w, y []float32) {
	g := geometry{
		n: s.N, h: s.H, w: s.W, c: s.C, kh: s.KH, kw: s.KW, o: s.O,
		strideH: s.StrideH, strideW: s.StrideW, padTop: s.PadTop, padLeft: s.PadLeft, outH: s.OutH, outW: s.OutW,
		image: s.OutH * s.OutW * s.O, row: s.OutW * s.O, pixel: s.O,
	}
	g.run(p, lv, x, func(i, j, c, o int) float32 { return w[((i*s.KW+j)*s.C+c)*s.O+o] }, y)
}

// InputGrad computes dx, the gradient with respect to x, from dy and w.
//
// Input pixel h = StrideH u + a gets products only from kernel rows i of one
// residue, i ≡ a + PadTop (mod StrideH). So each of the StrideH StrideW phases
// (a, b) of dx is a convolution of stride 1 of dy with its own part of the
// kernel, reversed.
func InputGrad(p *pool.Pool, lv cpu.Level, s Shape, dy, w, dx []float32) {
	for a := range s.StrideH {
		for b := range s.StrideW {
			v, h := phaseOf(a, s.H, s.KH, s.StrideH, s.PadTop), phaseOf(b, s.W, s.KW, s.StrideW, s.PadLeft)
			g := geometry{
				n: s.N, h: s.OutH, w: s.OutW, c: s.O, kh: v.taps, kw: h.taps, o: s.C,
				strideH: 1, strideW: 1, padTop: v.pad, padLeft: h.pad, outH: v.out, outW: h.out,
				start: (a*s.W + b) * s.C, image: s.H * s.W * s.C, row: s.StrideH * s.W * s.C, pixel: s.StrideW * s.C,
			}
			g.run(p, lv, dy, func(i, j, c, o int) float32 {
				ki, kj := v.first+s.StrideH*(v.taps-1-i), h.first+s.StrideW*(h.taps-1-j)
				return w[((ki*s.KW+kj)*s.C+o)*s.O+c]
			}, dx)
		}
	}
}

// phase is one of the stride residues of an input axis.
type phase struct {
	first, taps int // the kernel's positions that reach it: first, first+stride, ...
	pad         int // before the output gradient
	out         int // input positions of the residue
}

func phaseOf(residue, size, kernel, stride, pad int) phase {
	ph := phase{first: (residue + pad) % stride}
	if ph.first < kernel {
		ph.taps = (kernel - ph.first + stride - 1) / stride
	}
	ph.pad = ph.taps - 1 - (residue+pad-ph.first)/stride
	if residue < size {
		ph.out = (size - residue + stride - 1) / stride
	}
	return ph
}
