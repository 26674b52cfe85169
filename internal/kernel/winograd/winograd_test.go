package winograd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// same is a convolution that is padded as PyTorch pads.
func same(n, side, c, o int) Shape {
	return Shape{N: n, H: side, W: side, C: c, O: o, Top: 1, Left: 1, OutH: side, OutW: side}
}

var shapes = map[string]Shape{
	"whole tiles":          same(3, 8, 16, 32),
	"tiles cut off":        same(2, 7, 32, 16),
	"one pixel":            same(1, 1, 16, 16),
	"odd channels":         same(2, 5, 5, 37),
	"no padding":           {N: 2, H: 9, W: 6, C: 8, O: 8, OutH: 7, OutW: 4},
	"much padding":         {N: 1, H: 3, W: 4, C: 8, O: 8, Top: 2, Left: 2, OutH: 5, OutW: 6},
	"many tiles":           same(9, 32, 16, 16),
	"many channels of few": same(2, 4, 256, 256),
}

// products calls f for every product in the definition.
func (s Shape) products(f func(x, w, y int)) {
	for n := range s.N {
		for p := range s.OutH {
			for q := range s.OutW {
				for i := range taps {
					for j := range taps {
						h, w := p+i-s.Top, q+j-s.Left
						if h < 0 || h >= s.H || w < 0 || w >= s.W {
							continue
						}
						for c := range s.C {
							for o := range s.O {
								f(((n*s.H+h)*s.W+w)*s.C+c, ((i*taps+j)*s.C+c)*s.O+o, ((n*s.OutH+p)*s.OutW+q)*s.O+o)
							}
						}
					}
				}
			}
		}
	}
}

func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// operation is one of the three products with its naive float64 twin.
type operation struct {
	run  func(p *pool.Pool, lv cpu.Level, s Shape, a, b, out []float32)
	twin func(s Shape, a, b []float32, out []float64)
}

var operations = map[string]operation{
	"forward": {func(p *pool.Pool, lv cpu.Level, s Shape, x, w, y []float32) {
		Forward(p, lv, s, nil, x, w, y)
	}, func(s Shape, x, w []float32, y []float64) {
		s.products(func(xi, wi, yi int) { y[yi] += float64(x[xi]) * float64(w[wi]) })
	}},
	"input gradient": {func(p *pool.Pool, lv cpu.Level, s Shape, dy, w, dx []float32) {
		InputGrad(p, lv, s, dy, w, false, dx)
	}, func(s Shape, dy, w []float32, dx []float64) {
		s.products(func(xi, wi, yi int) { dx[xi] += float64(dy[yi]) * float64(w[wi]) })
	}},
	"input gradient added": {func(p *pool.Pool, lv cpu.Level, s Shape, dy, w, dx []float32) {
		for i := range dx {
			dx[i] = float32(i%7) - 3
		}
		InputGrad(p, lv, s, dy, w, true, dx)
	}, func(s Shape, dy, w []float32, dx []float64) {
		for i := range dx {
			dx[i] = float64(i%7) - 3
		}
		s.products(func(xi, wi, yi int) { dx[xi] += float64(dy[yi]) * float64(w[wi]) })
	}},
	"weight gradient": {func(p *pool.Pool, lv cpu.Level, s Shape, x, dy, dw []float32) {
		WeightGrad(p, lv, s, nil, x, dy, dw)
	}, func(s Shape, x, dy []float32, dw []float64) {
		s.products(func(xi, wi, yi int) { dw[wi] += float64(x[xi]) * float64(dy[yi]) })
	}},
}

func (s Shape) sizes(name string) (a, b, out int) {
	x, w, y := s.N*s.H*s.W*s.C, taps*taps*s.C*s.O, s.N*s.OutH*s.OutW*s.O
	switch name {
	case "forward":
		return x, w, y
	case "input gradient", "input gradient added":
		return y, w, x
	}
	return x, y, w
}

// TestAgainstTwin bounds the error by 2·10⁻⁵ of the largest result, as normal
// inputs have it, and finds the same bits with every variant and number of workers.
func TestAgainstTwin(t *testing.T) {
	pools := []*pool.Pool{pool.New(1), pool.New(3)}
	for name, s := range shapes {
		for kind, op := range operations {
			t.Run(name+"/"+kind, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				na, nb, n := s.sizes(kind)
				a, b, want := normals(r, na), normals(r, nb), make([]float64, n)
				op.twin(s, a, b, want)
				largest, worst := 0.0, 0.0
				for _, v := range want {
					largest = max(largest, math.Abs(v))
				}
				var first []float32
				for _, lv := range cpu.Levels() {
					for _, p := range pools {
						got := make([]float32, n)
						for i := range got {
							got[i] = float32(math.NaN())
						}
						op.run(p, lv, s, a, b, got)
						if first == nil {
							first = got
						}
						if !slices.Equal(first, got) {
							t.Fatalf("%s: other bits than %s", lv, cpu.Levels()[0])
						}
					}
				}
				for i, v := range want {
					d := math.Abs(float64(first[i]) - v)
					if worst = max(worst, d/largest); !(d <= 2e-5*largest) {
						t.Fatalf("element %d is %g, want %g", i, first[i], v)
					}
				}
				t.Logf("largest error %.2g of the largest result", worst)
			})
		}
	}
}

// TestChunks cuts the tiles into chunks, which changes no bit.
func TestChunks(t *testing.T) {
	p, s := pool.New(2), same(40, 8, 16, 16)
	r := rand.New(rand.NewPCG(3, 4))
	nx, nw, ny := s.sizes("forward")
	x, w := normals(r, nx), normals(r, nw)
	whole, cut := make([]float32, ny), make([]float32, ny)
	Forward(p, cpu.Detect(), s, nil, x, w, whole)
	forward(p, cpu.Detect(), s, nil, x, w, cut, 1) // minTiles at a time
	if !slices.Equal(whole, cut) {
		t.Error("other bits in chunks")
	}
}

// TestSumsOfSomeChannels sums for 64 channels at a time, which changes no bit.
func TestSumsOfSomeChannels(t *testing.T) {
	p, s := pool.New(2), same(3, 8, 150, 32)
	r := rand.New(rand.NewPCG(3, 4))
	nx, ny, nw := s.sizes("weight gradient")
	x, dy := normals(r, nx), normals(r, ny)
	whole, cut := make([]float32, nw), make([]float32, nw)
	WeightGrad(p, cpu.Detect(), s, nil, x, dy, whole)
	weightGrad(p, cpu.Detect(), s, nil, x, dy, cut, 1)
	if !slices.Equal(whole, cut) {
		t.Error("other bits for some channels at a time")
	}
}

func Benchmark(b *testing.B) {
	p, lv := pool.New(0), cpu.Detect()
	defer p.Close()
	peak := cpu.PeakGFLOPS(lv) * float64(p.Workers())
	for name, s := range map[string]Shape{
		"r18_64": same(128, 32, 64, 64), "r18_128": same(128, 16, 128, 128), "r18_256": same(128, 8, 256, 256), "r18_512": same(128, 4, 512, 512),
		"r8_16": same(512, 32, 16, 16), "r8_32": same(512, 16, 32, 32), "r8_64": same(512, 8, 64, 64),
	} {
		for kind, op := range operations {
			b.Run("layer="+name+"/op="+kind, func(b *testing.B) {
				na, nb, n := s.sizes(kind)
				r := rand.New(rand.NewPCG(1, 2))
				x, y, out := normals(r, na), normals(r, nb), make([]float32, n)
				for b.Loop() {
					op.run(p, lv, s, x, y, out)
				}
				gflops := 2 * 9 * float64(s.N*s.OutH*s.OutW) * float64(s.C*s.O) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
				b.ReportMetric(gflops, "direct-GFLOP/s")
				b.ReportMetric(100*gflops/peak, "%peak")
			})
		}
	}
}
