package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
)

// kernels are all that this CPU can run.
func kernels() (ks []Kernel) {
	for _, lv := range cpu.Levels() {
		for _, columns := range []int{16, 32} {
			if k := For(lv, columns); !slices.Contains(ks, k) {
				ks = append(ks, k)
			}
		}
	}
	return ks
}

func (k Kernel) String() string { return fmt.Sprintf("%v %dx%d", k.level, k.Groups*k.Rows, k.Width) }

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

// naive computes a product in float64: for each element of C that it reaches,
// the value and Σ|a·b|.
func naive(p *Product, groups []Group, rows, columns int) (value, magnitude map[int]float64) {
	value, magnitude = map[int]float64{}, map[int]float64{}
	for _, g := range groups {
		for r := range rows {
			for j := range columns {
				at := g.C + r*p.CRow + j
				if p.Add {
					value[at], magnitude[at] = float64(p.C[at]), math.Abs(float64(p.C[at]))
				}
				for l := range p.Loops[0] {
					for m := range p.Loops[1] {
						for n := range p.Loops[2] {
							a := p.A[g.A+r*p.ARow+l*p.AStep[0]+m*p.AStep[1]+n*p.AStep[2]]
							b := p.B[l*p.BStep[0]+m*p.BStep[1]+n*p.BStep[2]+j]
							value[at] += float64(a) * float64(b)
							magnitude[at] += math.Abs(float64(a) * float64(b))
						}
					}
				}
			}
		}
	}
	return value, magnitude
}

func TestKernelsAgainstTheDefinition(t *testing.T) {
	for _, k := range kernels() {
		t.Run(k.String(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
				draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
				p := Product{ARow: draw("aRow", 0, 9), Add: rapid.Bool().Draw(rt, "add")}
				for i, name := range []string{"outer", "middle", "inner"} {
					p.Loops[i] = draw(name, 1, 5)
					p.AStep[i], p.BStep[i] = draw(name+"A", 0, 20), draw(name+"B", 0, 40)
				}
				rows, columns := draw("rows", 1, k.Rows), draw("columns", 1, k.Width)
				p.CRow = k.Width + draw("gap", 0, 3)
				groups := make([]Group, draw("groups", 0, 2*k.Groups+1))
				for i := range groups {
					groups[i] = Group{A: draw("at", 0, 30), C: i * k.Rows * p.CRow}
				}
				p.A = random(r, 30+(k.Rows-1)*p.ARow+p.reach(p.AStep)+1)
				p.B = random(r, p.reach(p.BStep)+k.Width)
				start := random(r, len(groups)*k.Rows*p.CRow)
				p.C = start
				value, magnitude := naive(&p, groups, rows, columns)
				p.C = guarded(len(start))
				copy(p.C, start)
				k.Do(&p, groups, rows, columns)
				terms := p.Loops[0] * p.Loops[1] * p.Loops[2]
				for i, got := range p.C {
					want, ok := value[i]
					if !ok && got != start[i] {
						rt.Fatalf("element %d was %g and is now %g, but is no part of the result", i, start[i], got)
					}
					if tol := float64(terms+1) * 0x1p-24 * magnitude[i]; ok && !(math.Abs(float64(got)-want) <= tol) {
						rt.Fatalf("element %d is %g, want %g ± %g", i, got, want, tol)
					}
				}
			})
		})
	}
}

func TestKernelsAgreeToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, columns, terms = 48, 32, 100
	p := Product{
		Loops: [3]int{2, 5, 10}, A: random(r, n*terms), ARow: terms, AStep: [3]int{50, 10, 1},
		B: random(r, columns*terms), BStep: [3]int{50 * columns, 10 * columns, columns}, CRow: columns,
	}
	b := p.B
	var want []float32
	for _, k := range kernels() {
		p.C, p.B = guarded(n*columns), b
		c := p.C
		var groups []Group
		for i := 0; i < n; i += k.Rows {
			groups = append(groups, Group{i * terms, i * columns})
		}
		for j := 0; j < columns; j += k.Width {
			p.C, p.B = c[j:], b[j:]
			k.Do(&p, groups, k.Rows, k.Width)
		}
		if want == nil {
			want = c
		}
		if !slices.Equal(c, want) {
			t.Errorf("%v differs from %v", k, kernels()[0])
		}
	}
}

func TestPack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows, columns := rapid.IntRange(0, 20).Draw(rt, "rows"), rapid.IntRange(1, 32).Draw(rt, "columns")
		width := columns + rapid.IntRange(0, 5).Draw(rt, "beyond")
		row, column := columns+1, 1
		if rapid.Bool().Draw(rt, "transposed") {
			row, column = 1, rows+2
		}
		src, dst := random(rand.New(rand.NewPCG(1, 3)), rows*columns+2*(rows+columns)), guarded(rows*width)
		Pack(dst, width, src, rows, row, columns, column)
		for i, got := range dst {
			want := float32(0)
			if r, j := i/width, i%width; j < columns {
				want = src[r*row+j*column]
			}
			if got != want {
				rt.Fatalf("element %d is %g, want %g", i, got, want)
			}
		}
	})
}

func Benchmark(b *testing.B) {
	const m, n = 1024, 64
	for _, k := range kernels() {
		if k.level == cpu.Generic {
			continue
		}
		peak := cpu.PeakGFLOPS(k.level)
		for _, terms := range []int{16, 27, 144, 576} {
			p := Product{
				Loops: [3]int{1, 1, terms}, A: make([]float32, m*terms), ARow: terms, AStep: [3]int{0, 0, 1},
				B: make([]float32, n*terms), BStep: [3]int{0, 0, k.Width}, C: make([]float32, m*n), CRow: n,
			}
			var groups []Group
			for i := 0; i < m; i += k.Rows {
				groups = append(groups, Group{i * terms, i * n})
			}
			whole := p
			b.Run(fmt.Sprintf("impl=%v/tile=%dx%d/k=%d", k.level, k.Groups*k.Rows, k.Width, terms), func(b *testing.B) {
				for b.Loop() {
					for j := 0; j < n; j += k.Width {
						p.B, p.C = whole.B[j*terms:], whole.C[j:]
						k.Do(&p, groups, k.Rows, k.Width)
					}
				}
				speed := 2 * m * n * float64(terms) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(speed, "GFLOP/s")
				b.ReportMetric(100*speed/peak, "%peak")
			})
		}
	}
}
