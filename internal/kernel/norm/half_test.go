package norm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes/bfloat16"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// halves draws n elements, and gives them as float32 too.
func halves(r *rand.Rand, n int) ([]bf16.T, []float32) {
	half, float := make([]bf16.T, n), make([]float32, n)
	for i := range half {
		half[i] = bfloat16.FromFloat32(float32(r.NormFloat64()) + 0.5)
		float[i] = half[i].Float32()
	}
	return half, float
}

// rounded is what float32 becomes as bfloat16.
func rounded(x []float32) []bf16.T {
	y := make([]bf16.T, len(x))
	bf16.Narrow(cpu.Generic, y, x)
	return y
}

// TestHalf finds that on bfloat16 every function gives what it gives on the same
// numbers in float32, rounded at the end: for any level and number of workers.
func TestHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, shape := range [][2]int{{1, 1}, {7, 3}, {300, 16}, {513, 17}, {130, 64}, {5000, 64}, {97, 130}, {70, 512}, {40000, 64}, {1 << 18, 64}} {
		rows, cols := shape[0], shape[1]
		if testing.Short() && rows*cols > 1<<20 {
			continue
		}
		x, x32 := halves(r, rows*cols)
		dy, dy32 := halves(r, rows*cols)
		residual, residual32 := halves(r, rows*cols)
		_, scale := halves(r, cols)
		_, offset := halves(r, cols)
		for _, lv := range cpu.Levels() {
			for _, workers := range []int{1, 2, 3, 7} {
				if lv != cpu.Detect() && workers != 3 {
					continue
				}
				p := pool.New(workers)
				var s Scratch
				mean, variance, mean32, variance32 := make([]float32, cols), make([]float32, cols), make([]float32, cols), make([]float32, cols)
				Stats(p, lv, &s, x, mean, variance)
				Stats(p, lv, &s, x32, mean32, variance32)
				if !slices.Equal(mean, mean32) || !slices.Equal(variance, variance32) {
					t.Fatalf("%v: %v with %d workers: statistics differ", shape, lv, workers)
				}
				for kind := range 4 {
					f := Forward[bf16.T]{X: x, Y: make([]bf16.T, len(x)), Mean: mean, Variance: variance, Scale: scale, Offset: offset, Epsilon: 1e-5, ReLU: kind&1 > 0}
					g := Forward[float32]{X: x32, Y: make([]float32, len(x)), Mean: mean, Variance: variance, Scale: scale, Offset: offset, Epsilon: 1e-5, ReLU: kind&1 > 0}
					if kind&2 > 0 {
						f.Residual, g.Residual = residual, residual32
					}
					Normalize(p, lv, &s, &f)
					Normalize(p, lv, &s, &g)
					if !slices.Equal(f.Y, rounded(g.Y)) {
						t.Fatalf("%v: %v with %d workers: normalised %d differ", shape, lv, workers, kind)
					}
				}
				for kind := range 4 {
					b := Backward[bf16.T]{X: x, DY: dy, DX: make([]bf16.T, len(x)), Mean: mean, Variance: variance, Scale: scale, Epsilon: 1e-5, DScale: make([]float32, cols), DOffset: make([]float32, cols)}
					c := Backward[float32]{X: x32, DY: dy32, DX: make([]float32, len(x)), Mean: mean, Variance: variance, Scale: scale, Epsilon: 1e-5, DScale: make([]float32, cols), DOffset: make([]float32, cols)}
					switch kind {
					case 1, 2:
						b.Y, c.Y = residual, residual32
					case 3:
						b.Offset, c.Offset = offset, offset
					}
					if kind == 2 {
						b.DResidual, c.DResidual = make([]bf16.T, len(x)), make([]float32, len(x))
					}
					GradSums(p, lv, &s, &b)
					GradSums(p, lv, &s, &c)
					GradInput(p, lv, &s, &b)
					GradInput(p, lv, &s, &c)
					if !slices.Equal(b.DScale, c.DScale) || !slices.Equal(b.DOffset, c.DOffset) || !slices.Equal(b.DX, rounded(c.DX)) || !slices.Equal(b.DResidual, rounded(c.DResidual)) {
						t.Fatalf("%v: %v with %d workers: gradients %d differ", shape, lv, workers, kind)
					}
				}
				p.Close()
			}
		}
	}
}
