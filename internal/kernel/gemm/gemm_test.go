package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// twin is the product in float64, with Σ|a·b| of each element.
func twin(a *Args) (value, magnitude []float64) {
	value, magnitude = make([]float64, a.M*a.N), make([]float64, a.M*a.N)
	for i := range a.M {
		for j := range a.N {
			for k := range a.K {
				x, y := a.A[i*a.LDA*b2i(!a.TransA)+k*b2i(!a.TransA)+(k*a.LDA+i)*b2i(a.TransA)], a.B[(k*a.LDB+j)*b2i(!a.TransB)+(j*a.LDB+k)*b2i(a.TransB)]
				value[i*a.N+j] += float64(x) * float64(y)
				magnitude[i*a.N+j] += math.Abs(float64(x) * float64(y))
			}
			if a.Accumulate {
				value[i*a.N+j] += float64(a.C[i*a.LDC+j])
				magnitude[i*a.N+j] += math.Abs(float64(a.C[i*a.LDC+j]))
			}
		}
	}
	return value, magnitude
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestAgainstTheDefinition(t *testing.T) {
	pools := []*pool.Pool{pool.New(1), pool.New(3)}
	defer pools[0].Close()
	defer pools[1].Close()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 40), rapid.SampledFrom([]int{48, 64, 97, 192, 200}))
		a := Args{
			M: size.Draw(rt, "m"), N: size.Draw(rt, "n"), K: rapid.OneOf(size, rapid.SampledFrom([]int{513, 1030})).Draw(rt, "k"),
			TransA: rapid.Bool().Draw(rt, "transA"), TransB: rapid.Bool().Draw(rt, "transB"), Accumulate: rapid.Bool().Draw(rt, "accumulate"),
		}
		pad := rapid.IntRange(0, 3).Draw(rt, "pad")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		random := func(rows, columns int) ([]float32, int) {
			ld := columns + pad
			x := make([]float32, rows*ld)
			for i := range x {
				x[i] = 2*r.Float32() - 1
				if i%ld >= columns {
					x[i] = float32(math.NaN()) // between rows: not to be read
				}
			}
			return x, ld
		}
		if a.A, a.LDA = random(a.M, a.K); a.TransA {
			a.A, a.LDA = random(a.K, a.M)
		}
		if a.B, a.LDB = random(a.K, a.N); a.TransB {
			a.B, a.LDB = random(a.N, a.K)
		}
		a.C, a.LDC = random(a.M, a.N)
		value, magnitude := twin(&a)
		start := a.C
		var first []float32
		for _, lv := range cpu.Levels() {
			for _, p := range pools {
				a.C = slices.Clone(start)
				Run(p, lv, &a)
				for i := range a.M {
					for j := range a.N {
						tol := float64(a.K+2) * 0x1p-24 * magnitude[i*a.N+j]
						if got := float64(a.C[i*a.LDC+j]); !(math.Abs(got-value[i*a.N+j]) <= tol) {
							rt.Fatalf("%v: element (%d, %d) is %g, want %g ± %g", lv, i, j, got, value[i*a.N+j], tol)
						}
					}
					for j := a.N; j < a.LDC && i < a.M; j++ {
						if v := a.C[i*a.LDC+j]; v == v {
							rt.Fatalf("%v: wrote between the rows of C", lv)
						}
					}
				}
				if first == nil {
					first = a.C
				}
				for i := range first {
					if math.Float32bits(first[i]) != math.Float32bits(a.C[i]) {
						rt.Fatalf("%v with %d workers: element %d is %g, was %g", lv, p.Workers(), i, a.C[i], first[i])
					}
				}
			}
		}
	})
}

// Benchmark prints the speed of all workers together, and its share of what
// they would reach with nothing but multiply-adds.
func Benchmark(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	for _, lv := range cpu.Levels()[1:] {
		peak := cpu.PeakGFLOPS(lv) * float64(p.Workers())
		for _, s := range [][3]int{{1024, 1024, 1024}, {50000, 512, 512}, {512, 512, 128}} {
			a := Args{M: s[0], N: s[1], K: s[2], A: make([]float32, s[0]*s[2]), LDA: s[2], B: make([]float32, s[2]*s[1]), LDB: s[1], C: make([]float32, s[0]*s[1]), LDC: s[1]}
			b.Run(fmt.Sprintf("impl=%v/m=%d/n=%d/k=%d", lv, a.M, a.N, a.K), func(b *testing.B) {
				for b.Loop() {
					Run(p, lv, &a)
				}
				speed := 2 * float64(a.M) * float64(a.N) * float64(a.K) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(speed, "GFLOP/s")
				b.ReportMetric(100*speed/peak, "%peak")
			})
		}
	}
}
