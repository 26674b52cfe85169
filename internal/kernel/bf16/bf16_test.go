package bf16

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
)

// guarded is a slice of NaN between NaN: what is not written shows, and so does
// what is written or read beyond its ends.
func guarded(n int) []T {
	const guard = 64
	b := make([]T, n+2*guard)
	for i := range b {
		b[i] = 0x7fc0
	}
	return b[guard : guard+n : guard+n]
}

func random(r *rand.Rand, n int) []T {
	x := guarded(n)
	for i := range x {
		x[i] = bfloat16.FromFloat32(2*r.Float32() - 1)
	}
	return x
}

func eachLevel(t *testing.T, f func(t *testing.T, lv cpu.Level)) {
	for _, lv := range cpu.Levels() {
		t.Run(lv.String(), func(t *testing.T) { f(t, lv) })
	}
}

func eachUnit(t *testing.T, f func(t *testing.T, u cpu.BF16)) {
	for _, u := range cpu.BF16Units() {
		t.Run(u.String(), func(t *testing.T) { f(t, u) })
	}
}

// naive is an element of a product in float64, and Σ|a·b|.
func naive(p *Product, a, j int) (value, magnitude float64) {
	for l := range p.Outer {
		for k := range p.Inner * p.Block {
			i := l*p.Inner*p.Block + k
			t := p.A[a+l*p.AOuter+k].Float64() * p.B[i/2*2*Width+2*j+i%2].Float64()
			value, magnitude = value+t, magnitude+math.Abs(t)
		}
	}
	return value, magnitude
}

func TestProductsAgainstTheDefinition(t *testing.T) {
	eachUnit(t, func(t *testing.T, u cpu.BF16) {
		k := For(u)
		rapid.Check(t, func(rt *rapid.T) {
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
			p := &Product{Outer: draw("outer", 1, 3), Inner: draw("inner", 1, 3), Block: 2 * draw("block", 1, 16), ARow: draw("row", 1, 70)}
			p.AOuter = draw("a outer", 0, 99)
			rows, columns, n := draw("rows", 1, k.Rows), draw("columns", 1, Width), draw("groups", 1, 7)
			p.CRow = Width + draw("gap", 0, 3)
			groups := make([]Group, n)
			for i := range groups {
				groups[i] = Group{A: draw("a", 0, 50), C: i * k.Rows * p.CRow}
			}
			p.A = random(r, 50+(k.Rows-1)*p.ARow+(p.Outer-1)*p.AOuter+p.Inner*p.Block)
			p.B = random(r, p.Outer*p.Inner*p.Block*Width)
			half, float := guarded(n*k.Rows*p.CRow), make([]float32, n*k.Rows*p.CRow)
			for i := range float {
				float[i] = r.Float32()
			}
			before := slices.Clone(float)
			add := rapid.Bool().Draw(rt, "add")
			var plus []T
			if rapid.Bool().Draw(rt, "plus") {
				plus = random(r, len(half))
			}
			k.Half(p, half, plus, groups, rows, columns, make([]float32, ScratchFloats))
			k.Float(p, float, add, groups)
			terms := float64(p.Outer*p.Inner*p.Block + 2)
			for _, g := range groups {
				for i := range k.Rows {
					for j := range Width {
						want, magnitude := naive(p, g.A+i*p.ARow, j)
						at := g.C + i*p.CRow + j
						rounded, total := want, magnitude
						if plus != nil {
							rounded, total = want+plus[at].Float64(), magnitude+math.Abs(plus[at].Float64())
						}
						if i >= rows || j >= columns {
							if half[at] != 0x7fc0 {
								rt.Fatalf("row %d, column %d was written", i, j)
							}
						} else if got := half[at].Float64(); !(math.Abs(got-rounded) <= terms*0x1p-24*total+0x1p-8*math.Abs(rounded)+0x1p-126) {
							rt.Fatalf("row %d, column %d is %g, want %g", i, j, got, rounded)
						}
						if add {
							want, magnitude = want+float64(before[at]), magnitude+float64(before[at])
						}
						if got := float64(float[at]); !(math.Abs(got-want) <= terms*0x1p-24*magnitude) {
							rt.Fatalf("row %d, column %d of float32 is %g, want %g", i, j, got, want)
						}
					}
				}
			}
		})
	})
}

func TestBlocksCoverARun(t *testing.T) {
	for run := 1; run < 2000; run++ {
		inner, length := Blocks(run)
		if length%2 != 0 || length < 2 || length > 32 || inner*length < run || (inner-1)*length >= run+31 {
			t.Errorf("a run of %d is cut into %d blocks of %d", run, inner, length)
		}
	}
}

func TestConversions(t *testing.T) {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 1.00390625, 1.01171875, 3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(0x7fffffff), math.Float32frombits(0xffffffff), 0x1p-149, 0x1.8p-127, 0x1.fep127, 0x1.ffp127}
	eachLevel(t, func(t *testing.T, lv cpu.Level) {
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 150 {
			src := make([]float32, n)
			for i := range src {
				if src[i] = float32(r.NormFloat64()); r.IntN(4) == 0 {
					src[i] = special[r.IntN(len(special))]
				}
			}
			dst := guarded(n)
			Narrow(lv, dst, src)
			back := make([]float32, n)
			Widen(lv, back, dst)
			for i, x := range src {
				if want := bfloat16.FromFloat32(x); dst[i] != want && x == x || (x != x) != (back[i] != back[i]) {
					t.Fatalf("n=%d: %g becomes %#x, want %#x", n, x, dst[i], want)
				}
				if x == x && back[i] != dst[i].Float32() {
					t.Fatalf("n=%d: %#x becomes %g", n, dst[i], back[i])
				}
			}
		}
	})
}

func TestMoves(t *testing.T) {
	eachLevel(t, func(t *testing.T, lv cpu.Level) {
		rapid.Check(t, func(rt *rapid.T) {
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
			rows, words, gap := draw("rows", 1, 50), draw("words", 1, 50), draw("gap", 0, 5)
			src, dst := random(r, rows*(words+gap)), guarded((rows+1)/2*(2*words+gap))
			Interleave(lv, dst, 2*words+gap, src, words+gap, rows, words)
			for i := range (rows + 1) / 2 * 2 {
				for j := range words {
					var want T
					if i < rows {
						want = src[i*(words+gap)+j]
					}
					if dst[i/2*(2*words+gap)+2*j+i%2] != want {
						rt.Fatalf("%d rows of %d interleaved: row %d, element %d is wrong", rows, words, i, j)
					}
				}
			}
			src, dst = random(r, rows*(2*words+gap)), guarded(words*(2*rows+gap))
			TransposePairs(lv, dst, 2*rows+gap, src, 2*words+gap, rows, words)
			for i := range rows {
				for j := range 2 * words {
					if got, want := dst[j/2*(2*rows+gap)+2*i+j%2], src[i*(2*words+gap)+j]; got != want {
						rt.Fatalf("%d x %d words: row %d, element %d is wrong", rows, words, i, j)
					}
				}
			}
			var at [block]int
			for i := range at {
				at[i] = draw("place", 0, 200)
			}
			src, dst = random(r, 200+2*words), guarded(words*(2*block+gap))
			TransposeRows(lv, dst, 2*block+gap, src, &at, words)
			for i, first := range at {
				for j := range 2 * words {
					if got, want := dst[j/2*(2*block+gap)+2*i+j%2], src[first+j]; got != want {
						rt.Fatalf("16 rows of %d words anywhere: row %d, element %d is wrong", words, i, j)
					}
				}
			}
			rows = 32 * draw("blocks", 1, 3)
			columns := 16 * draw("columns", 1, 4)
			src, dst = random(r, rows*(columns+gap)), guarded(columns*(rows+gap))
			Transpose(lv, dst, rows+gap, src, columns+gap, rows, columns)
			for i := range rows {
				for j := range columns {
					if dst[j*(rows+gap)+i] != src[i*(columns+gap)+j] {
						rt.Fatalf("%d x %d: row %d, column %d is wrong", rows, columns, i, j)
					}
				}
			}
		})
	})
}

func BenchmarkProduct(b *testing.B) {
	for _, u := range cpu.BF16Units() {
		b.Run(fmt.Sprintf("unit=%v", u), func(b *testing.B) {
			k := For(u)
			p := &Product{Outer: 3, Inner: 6, Block: 32, ARow: 64, AOuter: 34 * 64}
			p.A, p.B = make([]T, 1<<14), make([]T, p.Outer*p.Inner*p.Block*Width)
			groups := make([]Group, 6*k.Groups)
			for i := range groups {
				groups[i] = Group{A: i % 6 * k.Rows * 64, C: i * k.Rows * Width}
			}
			p.CRow = Width
			c, scratch := make([]T, len(groups)*k.Rows*Width), make([]float32, ScratchFloats)
			for b.Loop() {
				k.Half(p, c, nil, groups, k.Rows, Width, scratch)
			}
			b.ReportMetric(float64(b.N)*2*float64(len(groups)*k.Rows*Width*p.Outer*p.Inner*p.Block)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// TestProductsInterrupted runs products on many goroutines while the collector
// stops and moves them between threads: no tile may be lost, none may leak.
func TestProductsInterrupted(t *testing.T) {
	eachUnit(t, func(t *testing.T, u cpu.BF16) {
		k := For(u)
		r := rand.New(rand.NewPCG(3, 4))
		p := &Product{Outer: 3, Inner: 2, Block: 24, ARow: 48, AOuter: 100, CRow: Width}
		p.A, p.B = random(r, 2000), random(r, p.Outer*p.Inner*p.Block*Width)
		groups := []Group{{A: 0, C: 0}, {A: 48, C: k.Rows * Width}, {A: 96, C: 2 * k.Rows * Width}}
		product := func() []T {
			c := make([]T, 3*k.Rows*Width)
			k.Half(p, c, nil, groups, k.Rows, Width, make([]float32, ScratchFloats))
			return c
		}
		want := product()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 300 {
					if !slices.Equal(product(), want) {
						t.Error("a product changed")
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
}

// TestEncodings has a disassembler read what the generator wrote as bytes.
func TestEncodings(t *testing.T) {
	if runtime.GOARCH != "amd64" || cpu.Detect() == cpu.Generic {
		t.Skip("no vector kernels in this build")
	}
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not there to read the encodings")
	}
	binary := filepath.Join(t.TempDir(), "bf16.test") // the one that runs has no symbols
	if out, err := exec.Command("go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Skipf("go test -c: %v: %s", err, out)
	}
	listing, err := exec.Command(objdump, "-d", "-M", "intel", "--no-show-raw-insn", binary).Output()
	if err != nil {
		t.Skipf("objdump: %v", err)
	}
	source, err := os.ReadFile("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	meant := regexp.MustCompile(`(?m)^\t// ((?:TILE|LDTILE|TDP|VDP|VCVTNE)\w+ ?.*)$`)
	for _, function := range []string{"tileHalf", "tileFloat", "vectorHalf", "vectorFloat"} {
		_, text, ok := strings.Cut(string(source), "TEXT ·"+function+"(SB)")
		text, _, _ = strings.Cut(text, "TEXT ")
		_, code, ok2 := strings.Cut(string(listing), "bf16."+function+".abi0>:")
		if !ok || !ok2 {
			t.Fatalf("%s is not in the listing", function)
		}
		code, _, _ = strings.Cut(code, "\n\n")
		var want, got []string
		for _, m := range meant.FindAllStringSubmatch(text, -1) {
			want = append(want, plainly(m[1]))
		}
		for line := range strings.Lines(code) {
			if _, instruction, ok := strings.Cut(line, ":\t"); ok && meant.MatchString("\t// "+strings.ToUpper(strings.TrimSpace(instruction))) {
				got = append(got, plainly(instruction))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is\n%s\nwant\n%s", function, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// plainly writes an instruction as one word in lower case, without zero
// displacements and the r of registers, which disassemblers write differently.
func plainly(instruction string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\n", "", "+0x0", "", "r", "", "*1", "").Replace(strings.ToLower(instruction))
}
