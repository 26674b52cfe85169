package conv

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
)

// layer is a square convolution padded as PyTorch pads: kernel/2 on each side.
func layer(n, side, c, kernel, o, stride int) Shape {
	out := (side+kernel/2*2-kernel)/stride + 1
	return Shape{
		N: n, H: side, W: side, C: c, KH: kernel, KW: kernel, O: o,
		StrideH: stride, StrideW: stride, PadTop: kernel / 2, PadLeft: kernel / 2, OutH: out, OutW: out,
	}
}

// shapes are what networks have, and what makes plans of every kind.
var shapes = map[string]Shape{
	"ResNet-8, first stage":         layer(3, 8, 16, 3, 16, 1),
	"ResNet-8, stride":              layer(2, 8, 16, 3, 32, 2),
	"ResNet-8, shortcut":            layer(2, 8, 16, 1, 32, 2),
	"stem":                          layer(2, 8, 3, 3, 16, 1),
	"stem of ImageNet":              layer(1, 15, 3, 7, 64, 2),
	"pointwise":                     layer(2, 5, 12, 1, 20, 1),
	"one pixel":                     layer(1, 1, 4, 1, 40, 1),
	"pixels of one image in groups": layer(40, 1, 4, 3, 8, 1),
	"groups of images":              layer(70, 3, 4, 3, 8, 1),
	"bands of rows":                 layer(1, 40, 2, 3, 4, 1),
	"bands of rows, stride":         layer(1, 75, 1, 1, 4, 2),
	"weights larger than a cache":   layer(1, 2, 512, 3, 32, 1),
	"parts of channels":             layer(2, 4, 192, 3, 192, 1),
	"gradient cut into rows":        {N: 1, H: 128, W: 128, C: 1, KH: 2, KW: 1, O: 16, StrideH: 1, StrideW: 1, OutH: 128, OutW: 128},
	"no padding":                    {N: 2, H: 6, W: 6, C: 4, KH: 3, KW: 3, O: 8, StrideH: 1, StrideW: 1, OutH: 4, OutW: 4},
	"strides differ":                {N: 2, H: 5, W: 5, C: 6, KH: 2, KW: 3, O: 6, StrideH: 3, StrideW: 2, PadLeft: 2, OutH: 2, OutW: 4},
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

// failer is *testing.T or *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// check compares with the twin within n u Σ|products|, u = 2^-24.
func check(t failer, what string, got []float32, want []sum) {
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

// checkShape compares all products of a shape with the definition, and all
// variants and numbers of workers with each other.
func checkShape(t failer, s Shape, r *rand.Rand, pools []*pool.Pool) {
	nx, nw, ny := s.sizes()
	x, w, dy := random(r, nx), random(r, nw), random(r, ny)
	y, dx, dw := make([]sum, ny), make([]sum, nx), make([]sum, nw)
	s.each(func(xi, wi, yi int) {
		y[yi].add(x[xi], w[wi])
		dx[xi].add(dy[yi], w[wi])
		dw[wi].add(x[xi], dy[yi])
	})
	plus, sums := random(r, nx), slices.Clone(dx)
	for i, v := range plus {
		sums[i].add(v, 1)
	}
	var first [4][]float32
	for _, lv := range cpu.Levels() {
		for _, p := range pools {
			name := fmt.Sprintf("%+v %v, %d workers", s, lv, p.Workers())
			got := [4][]float32{guarded(ny), guarded(nx), guarded(nw), guarded(nx)}
			Forward(p, lv, s, nil, x, w, got[0])
			InputGrad(p, lv, s, dy, w, nil, got[1])
			WeightGrad(p, lv, s, nil, x, dy, got[2])
			InputGrad(p, lv, s, dy, w, plus, got[3])
			if first[0] == nil {
				first = got
				check(t, name+": forward", got[0], y)
				check(t, name+": input gradient", got[1], dx)
				check(t, name+": weight gradient", got[2], dw)
				check(t, name+": input gradient + sum", got[3], sums)
			}
			for i := range got {
				if !slices.Equal(got[i], first[i]) {
					t.Fatalf("%s: result %d differs from that of %v with %d workers", name, i, cpu.Generic, pools[0].Workers())
				}
			}
		}
	}
}

// TestNormalisesWhatItReads finds the bits that normalising x first gives, for all
// shapes, and for Winograd's, whether x is copied with its border or not.
func TestNormalisesWhatItReads(t *testing.T) {
	pools := testPools(t)
	all := maps.Clone(shapes)
	all["Winograd"], all["Winograd, odd channels"] = layer(30, 8, 32, 3, 40, 1), layer(30, 6, 37, 3, 32, 1)
	all["pointwise, many channels"] = layer(2, 5, 530, 1, 20, 1)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			nx, nw, ny := s.sizes()
			r := rand.New(rand.NewPCG(9, 10))
			x, w, dy := random(r, nx), random(r, nw), random(r, ny)
			positive := random(r, s.C)
			for i, v := range positive {
				positive[i] = v*v + 0.1
			}
			var scratch, own norm.Scratch
			f := &norm.Forward[float32]{
				X: x, Y: guarded(nx), Mean: random(r, s.C), Variance: positive, Scale: random(r, s.C), Offset: random(r, s.C), Epsilon: 1e-5, ReLU: true,
			}
			for _, lv := range cpu.Levels() {
				for _, p := range pools {
					norm.Normalize(p, lv, &scratch, f)
					m := own.Map(f)
					y, want, dw, wantW := guarded(ny), guarded(ny), guarded(nw), guarded(nw)
					Forward(p, lv, s, nil, f.Y, w, want)
					Forward(p, lv, s, m, x, w, y)
					WeightGrad(p, lv, s, nil, f.Y, dy, wantW)
					WeightGrad(p, lv, s, m, x, dy, dw)
					if !slices.Equal(y, want) || !slices.Equal(dw, wantW) {
						t.Fatalf("%v, %d workers: other bits", lv, p.Workers())
					}
				}
			}
		})
	}
}

func testPools(t *testing.T) (pools []*pool.Pool) {
	for _, workers := range []int{1, 2, 5} {
		p := pool.New(workers)
		t.Cleanup(p.Close)
		pools = append(pools, p)
	}
	return pools
}

func TestAgainstTheDefinition(t *testing.T) {
	pools := testPools(t)
	for name, s := range shapes {
		s.Direct = true
		t.Run(name, func(t *testing.T) { checkShape(t, s, rand.New(rand.NewPCG(3, 4)), pools) })
	}
}

func TestAnyShapeAgainstTheDefinition(t *testing.T) {
	pools := testPools(t)[1:2]
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
		s := Shape{
			N: draw("n", 1, 5), H: draw("h", 1, 9), W: draw("w", 1, 9), C: draw("c", 1, 9),
			KH: draw("kh", 1, 4), KW: draw("kw", 1, 4), O: draw("o", 1, 35),
			StrideH: draw("strideH", 1, 3), StrideW: draw("strideW", 1, 3), PadTop: draw("top", 0, 3), PadLeft: draw("left", 0, 3),
			OutH: draw("outH", 1, 9), OutW: draw("outW", 1, 9),
		}
		checkShape(rt, s, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)), pools)
	})
}

// TestFewerProducts finds that Winograd's products are taken where they pay, for
// all three operations, and are within 2·10⁻⁵ of the largest result.
func TestFewerProducts(t *testing.T) {
	p, lv := testPools(t)[1], cpu.Detect()
	for _, tc := range []struct {
		shape Shape
		fewer bool
	}{
		{layer(25, 8, 32, 3, 40, 1), true},
		{layer(25, 8, 31, 3, 40, 1), false}, // few channels
		{layer(25, 8, 32, 3, 40, 2), false}, // a stride
		{layer(25, 5, 32, 3, 40, 1), false}, // tiles that fit badly
		{layer(25, 8, 32, 5, 40, 1), false},
		{layer(23, 8, 32, 3, 40, 1), false}, // few tiles
	} {
		s := tc.shape
		nx, nw, ny := s.sizes()
		r := rand.New(rand.NewPCG(7, 8))
		x, w, dy := random(r, nx), random(r, nw), random(r, ny)
		run := func(s Shape) [4][]float32 {
			out := [4][]float32{guarded(ny), guarded(nx), guarded(nw), guarded(nx)}
			copy(out[3], x)
			Forward(p, lv, s, nil, x, w, out[0])
			InputGrad(p, lv, s, dy, w, nil, out[1])
			WeightGrad(p, lv, s, nil, x, dy, out[2])
			InputGrad(p, lv, s, dy, w, out[3], out[3])
			return out
		}
		direct := s
		direct.Direct = true
		got, want := run(s), run(direct)
		for i := range got {
			if fewer := !slices.Equal(got[i], want[i]); fewer != tc.fewer {
				t.Errorf("%+v: result %d: fewer products %t, want %t", s, i, fewer, tc.fewer)
			}
			largest := float32(0)
			for _, v := range want[i] {
				largest = max(largest, v, -v)
			}
			for j, v := range want[i] {
				if d := got[i][j] - v; !(max(d, -d) <= 2e-5*largest) {
					t.Fatalf("%+v: result %d: element %d is %g, want %g", s, i, j, got[i][j], v)
				}
			}
		}
	}
}

func TestNothingToSum(t *testing.T) {
	p := testPools(t)[0]
	s := layer(2, 3, 2, 3, 4, 1)
	s.N = 0
	dw := random(rand.New(rand.NewPCG(1, 1)), 3*3*2*4)
	Forward(p, cpu.Detect(), s, nil, nil, dw, nil)
	InputGrad(p, cpu.Detect(), s, nil, dw, nil, nil)
	WeightGrad(p, cpu.Detect(), s, nil, nil, nil, dw)
	check(t, "weight gradient of no images", dw, make([]sum, len(dw)))
}

func direct(s Shape) Shape {
	s.Direct = true
	return s
}

// hot are the layers that training spends its time in, and on how many images:
// ResNet-8 and ResNet-18 on 32x32.
var hot = []struct {
	name  string
	shape Shape
}{
	{"r8_3_16", layer(512, 32, 3, 3, 16, 1)},
	{"r8_16_16", layer(512, 32, 16, 3, 16, 1)},
	{"r8_16_32_s2", layer(512, 32, 16, 3, 32, 2)},
	{"r8_32_32", layer(512, 16, 32, 3, 32, 1)},
	{"r8_32_64_s2", layer(512, 16, 32, 3, 64, 2)},
	{"r8_64_64", layer(512, 8, 64, 3, 64, 1)},
	{"r8_16_32_1x1_s2", layer(512, 32, 16, 1, 32, 2)},
	{"r8_32_64_1x1_s2", layer(512, 16, 32, 1, 64, 2)},
	{"r18_64_64", layer(128, 32, 64, 3, 64, 1)},
	{"r18_64_64_direct", direct(layer(128, 32, 64, 3, 64, 1))},
	{"r18_64_128_s2", layer(128, 32, 64, 3, 128, 2)},
	{"r18_128_128", layer(128, 16, 128, 3, 128, 1)},
	{"r18_128_256_s2", layer(128, 16, 128, 3, 256, 2)},
	{"r18_256_256", layer(128, 8, 256, 3, 256, 1)},
	{"r18_256_512_s2", layer(128, 8, 256, 3, 512, 2)},
	{"r18_512_512", layer(128, 4, 512, 3, 512, 1)},
}

// Benchmark prints the speed of all workers together, and its share of what
// they would reach with nothing but multiply-adds.
func Benchmark(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	r := rand.New(rand.NewPCG(5, 6))
	for _, lv := range cpu.Levels()[1:] {
		peak := cpu.PeakGFLOPS(lv) * float64(p.Workers())
		for _, l := range hot {
			s := l.shape
			nx, nw, ny := s.sizes()
			x, w, y := random(r, nx), random(r, nw), random(r, ny)
			dx, dw := make([]float32, nx), make([]float32, nw)
			for _, op := range []struct {
				name string
				run  func()
			}{
				{"forward", func() { Forward(p, lv, s, nil, x, w, y) }},
				{"inputgrad", func() { InputGrad(p, lv, s, y, w, nil, dx) }},
				{"weightgrad", func() { WeightGrad(p, lv, s, nil, x, y, dw) }},
			} {
				b.Run(fmt.Sprintf("impl=%v/layer=%s/op=%s", lv, l.name, op.name), func(b *testing.B) {
					for b.Loop() {
						op.run()
					}
					speed := 2 * float64(ny) * float64(s.KH*s.KW*s.C) * float64(b.N) / b.Elapsed().Seconds() / 1e9
					b.ReportMetric(speed, "GFLOP/s")
					b.ReportMetric(100*speed/peak, "%peak")
				})
			}
		}
	}
}
