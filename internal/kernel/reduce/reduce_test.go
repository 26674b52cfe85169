package reduce

import (
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

var names = [numOps]string{"sum", "sumsquares", "max", "min"}

// naive is the definition, in float64; mag is what the rounding errors scale with.
func naive(op Op, x []float32, outer, n, inner int) (want, mag []float64) {
	want, mag = make([]float64, outer*inner), make([]float64, outer*inner)
	for o := range outer {
		for i := range inner {
			acc, m := float64(identity[op]), 0.0
			for k := range n {
				v := float64(x[(o*n+k)*inner+i])
				switch op {
				case Sum:
					acc, m = acc+v, m+math.Abs(v)
				case SumSquares:
					acc, m = acc+v*v, m+v*v
				case Max:
					acc = max(acc, v)
				case Min:
					acc = min(acc, v)
				}
			}
			want[o*inner+i], mag[o*inner+i] = acc, m
		}
	}
	return want, mag
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() + 0.5)
	}
	return x
}

// guarded returns a copy of x between NaN, offset elements into an array.
func guarded(x []float32, offset int) []float32 {
	const width = 64
	all := make([]float32, offset+width+len(x)+width)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	from := offset + width
	copy(all[from:], x)
	return all[from : from+len(x) : from+len(x)]
}

// u is the largest relative error of one rounding.
const u = 0x1p-24

// check compares every operation and variant with naive on one shape; variants
// agree to the bit. Each sum has at most blockRows or blockLength/lanes + 6
// additions in float32 on the way of any element, and a rounding at the end.
func check(t *testing.T, p *pool.Pool, outer, n, inner int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), uint64(inner)))
	x := guarded(normal(r, outer*n*inner), n%16)
	for op := range numOps {
		want, mag := naive(op, x, outer, n, inner)
		var first []float32
		for _, lv := range cpu.Levels() {
			got := make([]float32, outer*inner)
			Axis(p, lv, op, got, x, outer, n, inner)
			if first == nil {
				first = got
			}
			for i := range got {
				tol := (blockRows + 3) * u * mag[i]
				if op >= Max {
					tol = 0
				}
				g := float64(got[i])
				if g != want[i] && !(math.Abs(g-want[i]) <= tol) {
					t.Fatalf("%s/%s [%d %d %d]: dst[%d] = %g, want %g ± %g", names[op], lv, outer, n, inner, i, g, want[i], tol)
				}
				if got[i] != first[i] {
					t.Fatalf("%s/%s [%d %d %d]: dst[%d] = %g, generic gives %g", names[op], lv, outer, n, inner, i, g, first[i])
				}
			}
		}
	}
}

func TestRows(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for n := range 3*lanes + 2 {
		check(t, p, 3, n, 1)
	}
	for _, n := range []int{blockLength - 1, blockLength, blockLength + 1, 2*blockLength + 77, taskSize, taskSize + 1, 3*taskSize + 5} {
		check(t, p, 2, n, 1)
	}
}

func TestColumns(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for _, inner := range []int{2, 3, 5, 10, 16, 31, 32, 48, 63, 64, 65, 100, 128, 200, 512, 1000} {
		for _, n := range []int{0, 1, 2, 7, 32, 63, 64, 65, 130, 200} {
			check(t, p, 2, n, inner)
		}
	}
	for _, s := range [][3]int{{1, 5000, 16}, {1, 9000, 65}, {2, 700, 640}, {1, 3, 70000}, {300, 16, 24}, {5000, 3, 4}} {
		check(t, p, s[0], s[1], s[2])
	}
}

func TestNaNReachesTheResult(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	for _, shape := range [][3]int{{1, 301, 1}, {1, 70, 64}, {1, 70, 10}} {
		n := shape[1] * shape[2]
		for _, at := range []int{0, 1, n / 2, n - 1} {
			x := normal(rand.New(rand.NewPCG(1, 1)), n)
			x[at] = float32(math.NaN())
			for op := range numOps {
				for _, lv := range cpu.Levels() {
					got := make([]float32, shape[2])
					Axis(p, lv, op, got, x, 1, shape[1], shape[2])
					for i, v := range got {
						if isNaN := v != v; isNaN != (i == at%shape[2]) {
							t.Fatalf("%s/%s %v: NaN at %d: dst[%d] = %g", names[op], lv, shape, at, i, v)
						}
					}
				}
			}
		}
	}
}

func TestWorkersDoNotChangeTheBits(t *testing.T) {
	for _, s := range [][3]int{{1, 200_001, 1}, {700, 300, 1}, {1, 3001, 64}, {3, 500, 200}, {200, 49, 32}} {
		x := normal(rand.New(rand.NewPCG(9, 9)), s[0]*s[1]*s[2])
		var first []float32
		for _, workers := range []int{1, 2, 5} {
			p := pool.New(workers)
			got := make([]float32, s[0]*s[2])
			Axis(p, cpu.Detect(), Sum, got, x, s[0], s[1], s[2])
			p.Close()
			if first == nil {
				first = got
			}
			for i := range got {
				if got[i] != first[i] {
					t.Fatalf("%v: %d workers give %g, one gives %g", s, workers, got[i], first[i])
				}
			}
		}
	}
}
