// Package conv computes two-dimensional convolutions of float32 images stored
// as NHWC, and their gradients, without unfolding images into matrices: for
// one output pixel and one row of the kernel, the inputs are one contiguous run.
//
// A 3x3 convolution of stride 1 with many channels is left to package winograd,
// which needs a quarter of the products, unless Shape.Direct is set.
//
// Results depend on the shape alone: not on the number of workers, nor on the
// variant (generic, AVX2, AVX-512).
package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/winograd"
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
	Direct           bool // sum as written, where fewer products would do (package winograd)
}

// Forward computes y from x and w. If in is not nil, it is of in's normalisation of x.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, w, y []float32) {
	if s.fewer() {
		winograd.Forward(p, lv, s.winograd(), in, x, w, y)
		return
	}
	if s.pointwise() {
		gemm.Run(p, lv, &gemm.Args{M: s.N * s.H * s.W, N: s.O, K: s.C, A: x, LDA: s.C, In: in, B: w, LDB: s.O, C: y, LDC: s.O})
		return
	}
	(&sweep{
		n: s.N, h: s.H, w: s.W, c: s.C, outH: s.OutH, outW: s.OutW, o: s.O,
		phases: []phase{{
			v: axis{from: -s.PadTop, step: s.StrideH, taps: s.KH, count: s.OutH, stride: 1, nextTap: 1},
			h: axis{from: -s.PadLeft, step: s.StrideW, taps: s.KW, count: s.OutW, stride: 1, nextTap: 1},
		}},
		weights: w, kw: s.KW, row: s.O, column: 1, in: in,
	}).run(p, lv, x, y)
}

// InputGrad computes dx, the gradient with respect to x, from dy and w, and adds it to
// plus unless that is nil. dx may be plus, which then is not copied.
//
// Row h of dx gets products only from the rows i ≡ h + PadTop (mod StrideH) of
// the kernel, and so it is with columns. So each of the StrideH·StrideW phases
// of dx is a convolution of stride 1 of dy with its own part of the kernel,
// reversed.
func InputGrad(p *pool.Pool, lv cpu.Level, s Shape, dy, w, plus, dx []float32) {
	add := len(plus) > 0
	if add && &plus[0] != &dx[0] {
		const share = 1 << 16
		p.Run(ceil(len(dx), share), func(i int) { copy(dx[i*share:min((i+1)*share, len(dx))], plus[i*share:]) })
	}
	if s.fewer() {
		winograd.InputGrad(p, lv, s.winograd(), dy, w, add, dx)
		return
	}
	if s.pointwise() {
		gemm.Run(p, lv, &gemm.Args{M: s.N * s.H * s.W, N: s.C, K: s.O, A: dy, LDA: s.O, B: w, LDB: s.O, TransB: true, C: dx, LDC: s.C, Accumulate: add})
		return
	}
	(&sweep{
		n: s.N, h: s.OutH, w: s.OutW, c: s.O, outH: s.H, outW: s.W, o: s.C,
		phases: s.inputPhases(), weights: w, kw: s.KW, row: 1, column: s.O, add: add,
	}).run(p, lv, dy, dx)
}

// inputPhases are the phases of dx.
func (s Shape) inputPhases() (phases []phase) {
	for i := range s.StrideH {
		for j := range s.StrideW {
			phases = append(phases, phase{
				v: residue(i, s.H, s.KH, s.StrideH, s.PadTop),
				h: residue(j, s.W, s.KW, s.StrideW, s.PadLeft),
			})
		}
	}
	return phases
}

// fewer says whether Winograd's products, and the transforms around them, cost
// less than the sum as written: they do from 32 channels on, unless tiles of 4x4
// fit the output badly or are too few to be worth the transform of the weights.
func (s Shape) fewer() bool {
	const minChannels, minTiles, side, points, gain = 32, 96, 4, 36, 2
	return !s.Direct && s.N*ceil(s.OutH, side)*ceil(s.OutW, side) >= minTiles && s.KH == 3 && s.KW == 3 && s.StrideH*s.StrideW == 1 && min(s.C, s.O) >= minChannels &&
		gain*points*ceil(s.OutH, side)*ceil(s.OutW, side) <= s.OutH*s.OutW*s.KH*s.KW && s.PadTop < s.KH && s.PadLeft < s.KW
}

func (s Shape) winograd() winograd.Shape {
	return winograd.Shape{N: s.N, H: s.H, W: s.W, C: s.C, O: s.O, Top: s.PadTop, Left: s.PadLeft, OutH: s.OutH, OutW: s.OutW}
}

// pointwise says whether each pixel of y comes from the same pixel of x.
func (s Shape) pointwise() bool {
	return s.KH*s.KW*s.StrideH*s.StrideW == 1 && s.PadTop == 0 && s.PadLeft == 0 && s.OutH == s.H && s.OutW == s.W
}

// residue is the axis of the positions r, r+stride, ... of dx: with a position's
// first tap i = (r + pad) mod stride, dx[r + k stride] is
// Σ_t dy[k + (r+pad-i)/stride - t] w[i + t stride], here written with t reversed.
func residue(r, size, kernel, stride, pad int) axis {
	i := (r + pad) % stride
	taps := max(0, ceil(kernel-i, stride))
	return axis{
		from: (r+pad-i)/stride - (taps - 1), step: 1, taps: taps,
		to: r, stride: stride, count: max(0, ceil(size-r, stride)),
		tap: i + (taps-1)*stride, nextTap: -stride,
	}
}

func ceil(n, d int) int { return (n + d - 1) / d }
