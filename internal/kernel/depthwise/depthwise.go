// Package depthwise convolves each channel of images by a kernel of its own.
package depthwise

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg depthwise

// Shape is a convolution of x [N, H, W, C] with w [KH, KW, C], which gives y [N, OutH, OutW, C]; pixels beyond the
// border are 0.
type Shape struct {
	N, H, W, C           int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int
	PadTop, PadLeft      int
	OutH, OutW           int
}

// tap is where a tap of the kernel reads, in bytes from the first channel of x and of w.
type tap struct{ x, w int }

// Forward computes y[n,i,j,c] = Σ_{k,l} w[k,l,c] x[n, i s + k d - p, j s + l d - p, c]. Rows of y are shared among the
// workers of p. Different levels round differently.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, x, w, y []float32) {
	p.Run(s.N*s.OutH, func(row int) {
		n, i := row/s.OutH, row%s.OutH
		image := x[n*s.H*s.W*s.C:][:s.H*s.W*s.C]
		out := y[row*s.OutW*s.C:][:s.OutW*s.C]
		taps := make([]tap, 0, s.KH*s.KW)
		for j := range s.OutW {
			taps = taps[:0]
			for k := range s.KH {
				iy := i*s.StrideH + k*s.DilationH - s.PadTop
				if iy < 0 || iy >= s.H {
					continue
				}
				for l := range s.KW {
					if ix := j*s.StrideW + l*s.DilationW - s.PadLeft; ix >= 0 && ix < s.W {
						taps = append(taps, tap{4 * (iy*s.W + ix) * s.C, 4 * (k*s.KW + l) * s.C})
					}
				}
			}
			to := out[j*s.C:][:s.C]
			if done := pixel(lv, to, image, w, taps); done < len(to) {
				pixelGeneric(to[done:], image, w, taps, done)
			}
		}
	})
}

// pixelGeneric sums the taps of the channels from a certain one on.
func pixelGeneric(to, image, w []float32, taps []tap, from int) {
	clear(to)
	for _, t := range taps {
		x, v := image[t.x/4+from:][:len(to)], w[t.w/4+from:][:len(to)]
		for c := range to {
			to[c] += x[c] * v[c]
		}
	}
}
