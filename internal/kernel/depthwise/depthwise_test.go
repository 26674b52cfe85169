package depthwise

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// check compares with the definition, in float64, on every variant. What lies around x and y is NaN, which a read too far
// would spread.
func check(t *testing.T, s Shape) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(s.C)))
	const margin = 64
	draw := func(n int) (all, inside []float32) {
		all = make([]float32, n+2*margin)
		for i := range all {
			all[i] = float32(math.NaN())
		}
		inside = all[margin:][:n]
		for i := range inside {
			inside[i] = float32(r.NormFloat64())
		}
		return all, inside
	}
	_, x := draw(s.N * s.H * s.W * s.C)
	_, w := draw(s.KH * s.KW * s.C)
	p := pool.New(3)
	defer p.Close()
	for _, lv := range cpu.Levels() {
		all, y := draw(s.N * s.OutH * s.OutW * s.C)
		Forward(p, lv, s, x, w, y)
		for at, got := range y {
			c, j, i, n := at%s.C, at/s.C%s.OutW, at/(s.C*s.OutW)%s.OutH, at/(s.C*s.OutW*s.OutH)
			var want, size float64
			for k := range s.KH {
				for l := range s.KW {
					iy, ix := i*s.StrideH+k*s.DilationH-s.PadTop, j*s.StrideW+l*s.DilationW-s.PadLeft
					if iy >= 0 && iy < s.H && ix >= 0 && ix < s.W {
						v := float64(x[((n*s.H+iy)*s.W+ix)*s.C+c]) * float64(w[(k*s.KW+l)*s.C+c])
						want, size = want+v, size+math.Abs(v)
					}
				}
			}
			if tolerance := float64(s.KH*s.KW+1) * 0x1p-24 * size; !(math.Abs(float64(got)-want) <= tolerance) {
				t.Fatalf("%v: %+v: y[%d,%d,%d,%d] is %g, want %g", lv, s, n, i, j, c, got, want)
			}
		}
		for i, v := range all {
			if outside := i < margin || i >= margin+len(y); outside && v == v {
				t.Fatalf("%v: %+v: wrote beyond y", lv, s)
			}
		}
	}
}

func TestForward(t *testing.T) {
	for c := 1; c <= 150; c += 1 + c/9 {
		check(t, Shape{N: 2, H: 5, W: 6, C: c, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, OutH: 5, OutW: 6})
	}
	for _, s := range []Shape{
		{N: 1, H: 9, W: 7, C: 20, KH: 5, KW: 3, StrideH: 2, StrideW: 3, DilationH: 1, DilationW: 1, PadTop: 2, PadLeft: 0, OutH: 5, OutW: 2},
		{N: 2, H: 8, W: 8, C: 33, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 2, DilationW: 3, PadTop: 2, PadLeft: 3, OutH: 8, OutW: 8},
		{N: 1, H: 1, W: 1, C: 16, KH: 7, KW: 7, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 3, PadLeft: 3, OutH: 1, OutW: 1},
		{N: 1, H: 2, W: 2, C: 16, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, OutH: 4, OutW: 4}, // some of nothing
	} {
		check(t, s)
	}
}

func BenchmarkForward(b *testing.B) {
	p := pool.New(1)
	defer p.Close()
	s := Shape{N: 1, H: 28, W: 28, C: 192, KH: 7, KW: 7, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 3, PadLeft: 3, OutH: 28, OutW: 28}
	x, w := make([]float32, s.H*s.W*s.C), make([]float32, s.KH*s.KW*s.C)
	y := make([]float32, len(x))
	for _, lv := range cpu.Levels() {
		b.Run(fmt.Sprintf("impl=%v", lv), func(b *testing.B) {
			for b.Loop() {
				Forward(p, lv, s, x, w, y)
			}
			b.ReportMetric(2*float64(len(y)*s.KH*s.KW)/1e9*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}
