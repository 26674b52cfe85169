// Package maxpool takes maxima of windows of float32 images stored as NHWC, and
// sends gradients back to where the maxima were.
//
// Results depend on the shape alone: not on the number of workers, nor on the
// variant (generic, AVX2, AVX-512).
package maxpool

import (
	"math"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/pool"
)

// Shape is the geometry of x [N, H, W, C] and y [N, OutH, OutW, C]:
//
//	y[n,p,q,c] = max_{i<KH, j<KW} x[n, p·StrideH+i-PadTop, q·StrideW+j-PadLeft, c]
//
// over the pixels inside the image; -∞ where there is none, NaN where one is NaN.
type Shape struct {
	N, H, W, C       int
	KH, KW           int
	StrideH, StrideW int
	PadTop, PadLeft  int
	OutH, OutW       int
}

// Forward computes y from x.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, x, y []float32) {
	p.Run(s.N*s.OutH, func(row int) {
		n, r := row/s.OutH, row%s.OutH
		for q := range s.OutW {
			to := y[(row*s.OutW+q)*s.C:][:s.C]
			first := true
			s.window(n, r, q, func(at int) {
				if from := x[at:][:s.C]; first {
					copy(to, from)
				} else {
					eltwise.Binary(lv, eltwise.Max, to, to, from)
				}
				first = false
			})
			for c := 0; first && c < s.C; c++ {
				to[c] = float32(math.Inf(-1))
			}
		}
	})
}

// window calls f for the place of each pixel of a window, row by row.
func (s *Shape) window(n, row, column int, f func(at int)) {
	top, left := row*s.StrideH-s.PadTop, column*s.StrideW-s.PadLeft
	for h := max(0, top); h < min(s.H, top+s.KH); h++ {
		for w := max(0, left); w < min(s.W, left+s.KW); w++ {
			f(((n*s.H+h)*s.W + w) * s.C)
		}
	}
}

// Grad computes dx from x and dy: each element of dy goes to the largest pixel of
// its window, of equal ones to the first, and to the last NaN if there is one.
func Grad(p *pool.Pool, s Shape, x, dy, dx []float32) {
	p.Run(s.N, func(n int) {
		image := s.H * s.W * s.C
		clear(dx[n*image:][:image])
		best, where := p.Borrow(s.C), make([]int, s.C)
		defer p.Return(best)
		for r := range s.OutH {
			for q := range s.OutW {
				first := true
				s.window(n, r, q, func(at int) {
					for c, v := range x[at:][:s.C] {
						if first || v > best[c] || v != v {
							best[c], where[c] = v, at+c
						}
					}
					first = false
				})
				if first {
					continue // nothing inside the image
				}
				for c, g := range dy[((n*s.OutH+r)*s.OutW+q)*s.C:][:s.C] {
					dx[where[c]] += g
				}
			}
		}
	})
}
