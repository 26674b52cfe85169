// Package conv computes two-dimensional convolutions of float32 images stored
// as NHWC, and their gradients.
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

// Op is one of the three products of a convolution.
type Op int

// The forward product and the gradients with respect to x and w.
const (
	OpForward Op = iota
	OpInputGrad
	OpWeightGrad
)

// Workspace is the number of floats of scratch memory that op needs. The
// kernels are fastest when it, and all tensors, start on a multiple of 64 bytes.
func (s Shape) Workspace(op Op) int { return 0 }

// Forward computes y from x and w.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, x, w, y, ws []float32) {
	clear(y[:s.N*s.OutH*s.OutW*s.O])
	s.each(func(xi, wi, yi int) { y[yi] += x[xi] * w[wi] })
}

// InputGrad computes dx, the gradient with respect to x, from dy and w.
func InputGrad(p *pool.Pool, lv cpu.Level, s Shape, dy, w, dx, ws []float32) {
	clear(dx[:s.N*s.H*s.W*s.C])
	s.each(func(xi, wi, yi int) { dx[xi] += dy[yi] * w[wi] })
}

// WeightGrad computes dw, the gradient with respect to w, from x and dy.
func WeightGrad(p *pool.Pool, lv cpu.Level, s Shape, x, dy, dw, ws []float32) {
	clear(dw[:s.KH*s.KW*s.C*s.O])
	s.each(func(xi, wi, yi int) { dw[wi] += x[xi] * dy[yi] })
}

// each calls f for every product in the sum above with its places in x, w and y.
func (s Shape) each(f func(xi, wi, yi int)) {
	for n := range s.N {
		for p := range s.OutH {
			for q := range s.OutW {
				for i := range s.KH {
					for j := range s.KW {
						h, w := p*s.StrideH+i-s.PadTop, q*s.StrideW+j-s.PadLeft
						if h < 0 || h >= s.H || w < 0 || w >= s.W {
							continue
						}
						for c := range s.C {
							for o := range s.O {
								f(((n*s.H+h)*s.W+w)*s.C+c, ((i*s.KW+j)*s.C+c)*s.O+o, ((n*s.OutH+p)*s.OutW+q)*s.O+o)
							}
						}
					}
				}
			}
		}
	}
}
