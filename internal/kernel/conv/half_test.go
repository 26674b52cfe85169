package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"pgregory.net/rapid"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

func guardedHalf(n int) []bf16.T {
	const guard = 64
	b := make([]bf16.T, n+2*guard)
	for i := range b {
		b[i] = 0x7fc0 // NaN
	}
	return b[guard : guard+n : guard+n]
}

func randomHalf(r *rand.Rand, n int) []bf16.T {
	x := guardedHalf(n)
	for i := range x {
		x[i] = bfloat16.FromFloat32(2*r.Float32() - 1)
	}
	return x
}

// checkHalf compares with the twin within n u Σ|products| and, where the result
// is rounded to bfloat16, half a unit in its last place.
func checkHalf(t failer, what string, got func(i int) float64, rounding float64, want []sum) {
	t.Helper()
	for i, w := range want {
		tol := float64(w.terms+1)*0x1p-24*w.magnitude + rounding*math.Abs(w.value) + 0x1p-126
		if g := got(i); !(math.Abs(g-w.value) <= tol) {
			t.Fatalf("%s: element %d is %g, want %g ± %g", what, i, g, w.value, tol)
		}
	}
}

// verifyHalf compares the three products in bfloat16 with their definitions, and
// their bits on several numbers of workers.
func verifyHalf(t failer, u cpu.BF16, s Shape, seed uint64) {
	t.Helper()
	s.Direct = true
	r := rand.New(rand.NewPCG(seed, 0))
	xs, ws, ys := s.sizes()
	x, w, dy := randomHalf(r, xs), randomHalf(r, ws), randomHalf(r, ys)
	var plus []bf16.T
	if seed%2 > 0 {
		plus = randomHalf(r, xs)
	}
	wantY, wantX, wantW := make([]sum, ys), make([]sum, xs), make([]sum, ws)
	s.each(func(xi, wi, yi int) {
		wantY[yi].add(x[xi].Float32(), w[wi].Float32())
		wantX[xi].add(dy[yi].Float32(), w[wi].Float32())
		wantW[wi].add(x[xi].Float32(), dy[yi].Float32())
	})
	for i, e := range plus {
		wantX[i].add(e.Float32(), 1)
	}
	var y1, dx1 []bf16.T
	var dw1 []float32
	for _, workers := range []int{1, 2, 3, 7} {
		p := pool.New(workers)
		y, dx, dw := guardedHalf(ys), guardedHalf(xs), guarded(ws)
		for range 2 { // the second time in memory that was used before
			ForwardHalf(p, u, cpu.Detect(), s, x, w, y)
			InputGradHalf(p, u, cpu.Detect(), s, dy, w, plus, dx)
			WeightGradHalf(p, u, cpu.Detect(), s, x, dy, dw)
		}
		p.Close()
		if workers == 1 {
			y1, dx1, dw1 = y, dx, dw
			continue
		}
		if !slices.Equal(y, y1) || !slices.Equal(dx, dx1) || !slices.Equal(dw, dw1) {
			t.Fatalf("%d workers give other bits than one", workers)
		}
	}
	const rounding = 0x1p-8
	checkHalf(t, "y", func(i int) float64 { return y1[i].Float64() }, rounding, wantY)
	checkHalf(t, "dx", func(i int) float64 { return dx1[i].Float64() }, rounding, wantX)
	checkHalf(t, "dw", func(i int) float64 { return float64(dw1[i]) }, 0, wantW)
}

func TestHalf(t *testing.T) {
	for _, u := range cpu.BF16Units() {
		for name, s := range shapes {
			t.Run(u.String()+"/"+name, func(t *testing.T) { verifyHalf(t, u, s, 1) })
		}
	}
}

func TestHalfOfAnyShape(t *testing.T) {
	for _, u := range cpu.BF16Units() {
		t.Run(u.String(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
				s := Shape{
					N: draw("n", 1, 5), H: draw("h", 1, 12), W: draw("w", 1, 20), C: rapid.SampledFrom([]int{1, 3, 5, 16, 17, 32, 130}).Draw(rt, "c"),
					KH: draw("kh", 1, 4), KW: draw("kw", 1, 4), O: rapid.SampledFrom([]int{1, 3, 5, 17, 32, 33, 130}).Draw(rt, "o"),
					StrideH: draw("stride h", 1, 3), StrideW: draw("stride w", 1, 3),
				}
				s.PadTop, s.PadLeft = draw("top", 0, s.KH-1), draw("left", 0, s.KW-1)
				s.OutH = 1 + max(0, s.H+2*s.PadTop-s.KH)/s.StrideH
				s.OutW = 1 + max(0, s.W+2*s.PadLeft-s.KW)/s.StrideW
				verifyHalf(rt, u, s, rapid.Uint64().Draw(rt, "seed"))
			})
		})
	}
}

// BenchmarkHalf prints the speed of all workers together.
func BenchmarkHalf(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	r := rand.New(rand.NewPCG(5, 6))
	u := cpu.DetectBF16()
	for _, l := range hot {
		s := l.shape
		if s.Direct {
			continue // the same in bfloat16
		}
		nx, nw, ny := s.sizes()
		x, w, y := randomHalf(r, nx), randomHalf(r, nw), randomHalf(r, ny)
		dx, dw := make([]bf16.T, nx), make([]float32, nw)
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { ForwardHalf(p, u, cpu.Detect(), s, x, w, y) }},
			{"inputgrad", func() { InputGradHalf(p, u, cpu.Detect(), s, y, w, nil, dx) }},
			{"weightgrad", func() { WeightGradHalf(p, u, cpu.Detect(), s, x, y, dw) }},
		} {
			b.Run(fmt.Sprintf("unit=%v/layer=%s/op=%s", u, l.name, op.name), func(b *testing.B) {
				for b.Loop() {
					op.run()
				}
				speed := 2 * float64(ny) * float64(s.KH*s.KW*s.C) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(speed, "GFLOP/s")
			})
		}
	}
}
