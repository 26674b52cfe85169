package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// shapes are what the networks have, and what is awkward.
var shapes = []Shape{
	{N: 3, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 16, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 8, OutW: 8},
	{N: 2, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 32, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, OutH: 4, OutW: 4},
	{N: 2, H: 8, W: 8, C: 3, KH: 3, KW: 3, O: 16, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 8, OutW: 8},
	{N: 2, H: 7, W: 9, C: 5, KH: 3, KW: 3, O: 7, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 7, OutW: 9},
	{N: 2, H: 6, W: 6, C: 8, KH: 1, KW: 1, O: 24, StrideH: 2, StrideW: 2, OutH: 3, OutW: 3},
	{N: 1, H: 1, W: 1, C: 4, KH: 1, KW: 1, O: 40, StrideH: 1, StrideW: 1, OutH: 1, OutW: 1},
	{N: 1, H: 15, W: 14, C: 3, KH: 7, KW: 7, O: 64, StrideH: 2, StrideW: 2, PadTop: 3, PadLeft: 3, OutH: 8, OutW: 7},
	{N: 2, H: 4, W: 4, C: 192, KH: 3, KW: 3, O: 192, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 4, OutW: 4},
	{N: 2, H: 5, W: 5, C: 6, KH: 2, KW: 3, O: 6, StrideH: 3, StrideW: 2, PadTop: 0, PadLeft: 2, OutH: 2, OutW: 4},
	{N: 2, H: 9, W: 3, C: 2, KH: 3, KW: 1, O: 2, StrideH: 1, StrideW: 1, PadTop: 0, PadLeft: 0, OutH: 7, OutW: 2},
}

func (s Shape) sizes() (x, w, y int) {
	return s.N * s.H * s.W * s.C, s.KH * s.KW * s.C * s.O, s.N * s.OutH * s.OutW * s.O
}

// each calls f for every product in the definition with its places in x, w and y.
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

// sum is a float64 twin's element: its value, Σ|products| and their number.
type sum struct {
	value, magnitude float64
	terms            int
}

func (s *sum) add(a, b float32) {
	p := float64(a) * float64(b)
	s.value, s.magnitude, s.terms = s.value+p, s.magnitude+math.Abs(p), s.terms+1
}

// check compares with the twin within n u Σ|products|, u = 2^-24.
func check(t *testing.T, what string, got []float32, want []sum) {
	t.Helper()
	for i, w := range want {
		if tol := float64(w.terms+1) * 0x1p-24 * w.magnitude; !(math.Abs(float64(got[i])-w.value) <= tol) {
			t.Fatalf("%s: element %d is %g, want %g ± %g", what, i, got[i], w.value, tol)
		}
	}
}

// guarded is a slice of NaN between NaN: what is not written shows, and so does
// what is written or read beyond its ends.
func guarded(n int) []float32 {
	const guard = 64
	b := make([]float32, n+2*guard)
	for i := range b {
		b[i] = float32(math.NaN())
	}
	return b[guard : guard+n : guard+n]
}

func random(r *rand.Rand, n int) []float32 {
	x := guarded(n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

func TestAgainstTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range shapes {
		nx, nw, ny := s.sizes()
		x, w, dy := random(r, nx), random(r, nw), random(r, ny)
		y, dx, dw := make([]sum, ny), make([]sum, nx), make([]sum, nw)
		s.each(func(xi, wi, yi int) {
			y[yi].add(x[xi], w[wi])
			dx[xi].add(dy[yi], w[wi])
			dw[wi].add(x[xi], dy[yi])
		})
		for _, lv := range cpu.Levels() {
			var first [3][]float32
			for _, workers := range []int{1, 2, 5} {
				p := pool.New(workers)
				got := [3][]float32{guarded(ny), guarded(nx), guarded(nw)}
				Forward(p, lv, s, x, w, got[0])
				InputGrad(p, lv, s, dy, w, got[1])
				WeightGrad(p, lv, s, x, dy, got[2])
				p.Close()
				name := fmt.Sprintf("%+v %v, %d workers", s, lv, workers)
				check(t, name+": forward", got[0], y)
				check(t, name+": input gradient", got[1], dx)
				check(t, name+": weight gradient", got[2], dw)
				if workers == 1 {
					first = got
				}
				for i := range got {
					if !slices.Equal(got[i], first[i]) {
						t.Fatalf("%s: result %d differs from that of one worker", name, i)
					}
				}
			}
		}
	}
}

// hot are the layers that training spends its time in.
var hot = map[string]Shape{
	"resnet8_3x32x16":     {N: 512, H: 32, W: 32, C: 3, KH: 3, KW: 3, O: 16, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 32, OutW: 32},
	"resnet8_16x32x16":    {N: 512, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 16, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 32, OutW: 32},
	"resnet8_16x32x32s2":  {N: 512, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 32, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, OutH: 16, OutW: 16},
	"resnet8_32x16x32":    {N: 512, H: 16, W: 16, C: 32, KH: 3, KW: 3, O: 32, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 16, OutW: 16},
	"resnet8_64x8x64":     {N: 512, H: 8, W: 8, C: 64, KH: 3, KW: 3, O: 64, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 8, OutW: 8},
	"resnet18_64x32x64":   {N: 128, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 64, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 32, OutW: 32},
	"resnet18_128x16x128": {N: 128, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 128, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 16, OutW: 16},
	"resnet18_256x8x256":  {N: 128, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 256, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 8, OutW: 8},
	"resnet18_512x4x512":  {N: 128, H: 4, W: 4, C: 512, KH: 3, KW: 3, O: 512, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, OutH: 4, OutW: 4},
}

func Benchmark(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	r := rand.New(rand.NewPCG(5, 6))
	lv := cpu.Detect()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range hot {
			if !yield(n) {
				return
			}
		}
	}) {
		s := hot[name]
		nx, nw, ny := s.sizes()
		x, w, y := random(r, nx), random(r, nw), random(r, ny)
		dx, dw := make([]float32, nx), make([]float32, nw)
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { Forward(p, lv, s, x, w, y) }},
			{"inputgrad", func() { InputGrad(p, lv, s, y, w, dx) }},
			{"weightgrad", func() { WeightGrad(p, lv, s, x, y, dw) }},
		} {
			b.Run("layer="+name+"/op="+op.name, func(b *testing.B) {
				for b.Loop() {
					op.run()
				}
				flops := 2 * float64(ny) * float64(s.KH*s.KW*s.C)
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
