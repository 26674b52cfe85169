package nearest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// halves are the units that a first pass runs on here.
func halves(t testing.TB) []cpu.BF16 {
	units := cpu.BF16Units()[1:]
	if cpu.Detect() != cpu.AVX512 || len(units) == 0 {
		t.Skip("this CPU has no unit for bfloat16")
	}
	return units
}

// clumps draws rows of length 1 around a few centres: within a clump cosines are nearly
// equal.
func clumps(n, d, centres int, spread float32, seed uint64) Rows {
	c, noise := normals(centres, d, seed), normals(n, d, seed+1)
	for i := range noise.N {
		for k := range d {
			noise.Data[i*d+k] = c.Data[i%centres*d+k] + spread*noise.Data[i*d+k]
		}
	}
	p := pool.New(1)
	defer p.Close()
	return Unit(p, noise)
}

func TestTwoPassesGiveTheBitsOfOne(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for _, unit := range halves(t) {
		for name, rows := range map[string][2]Rows{
			"random":      {clumps(200, 65, 200, 0, 1), clumps(2100, 65, 2100, 0, 2)},
			"clumps":      {clumps(150, 128, 5, 0.5, 3), clumps(3333, 128, 40, 0.5, 3)},
			"nearly all":  {clumps(100, 64, 1, 0.01, 4), clumps(2500, 64, 1, 0.01, 4)}, // too many candidates
			"equal":       {clumps(64, 70, 3, 0, 5), clumps(4097, 70, 60, 0, 5)},       // ties
			"any length":  {normals(130, 96, 6), normals(2222, 96, 7)},
			"exact":       {small(99, 100, 8), small(2048, 100, 9)},
			"zeros":       {Rows{64, 64, make([]float32, 64*64)}, normals(2048, 64, 1)},
			"huge":        {scaled(normals(64, 64, 1), 1e18), scaled(normals(2048, 64, 2), 1e18)},
			"hardly any":  {scaled(normals(64, 64, 1), 1e-22), scaled(normals(2048, 64, 2), 1e-22)},
			"many blocks": {clumps(300, 256, 300, 0, 1), clumps(5000, 256, 5000, 0, 2)},
		} {
			for _, self := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/self=%t", unit, name, self), func(t *testing.T) {
					for _, k := range []int{1, 100} {
						o := Options{K: k, ExcludeSelf: self, Pool: p, Level: cpu.AVX512}
						want := collect(t, o, rows[0], rows[1], queryBlock, bankBlock)
						o.Coarse = unit
						for _, block := range []int{queryBlock, 77} {
							got := collect(t, o, rows[0], rows[1], block, bankBlock)
							for q := range want {
								if !slices.Equal(got[q], want[q]) {
									t.Fatalf("k=%d, query %d (-one pass +two):\n%s", k, q, diff.Diff(want[q], got[q]))
								}
							}
						}
					}
				})
			}
		}
	}
}

func scaled(x Rows, by float32) Rows {
	for i := range x.Data {
		x.Data[i] *= by
	}
	return x
}

// TestTheMarginHolds compares every coarse product with the exact one.
func TestTheMarginHolds(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	for _, unit := range halves(t) {
		rapid.Check(t, func(rt *rapid.T) {
			d := rapid.IntRange(64, 300).Draw(rt, "d")
			bank := normals(2048, d, rapid.Uint64().Draw(rt, "seed"))
			queries := normals(64, d, rapid.Uint64().Draw(rt, "queries"))
			if rapid.Bool().Draw(rt, "one sign") { // so that errors add up
				for _, x := range [][]float32{bank.Data, queries.Data} {
					for i := range x {
						x[i] = 1 + float32(math.Mod(math.Abs(float64(x[i])), 1))/256
					}
				}
			}
			c := newCoarse(Options{K: 1, Pool: p, Level: cpu.AVX512, Coarse: unit}, queries, bank)
			panels, a := make([]bf16.T, coarseBank*c.width()), make([]bf16.T, 64*c.width())
			c.pack(panels, 0, coarseBank)
			kept := make([]best, 64)
			margins := make([]float64, 64)
			for i := range kept {
				x := c.round(a[i*c.width():(i+1)*c.width()], queries, i)
				margins[i] = float64(c.margin(x))
				kept[i].reset(coarseBank, 0) // which keeps them all
			}
			c.most = math.MaxInt
			c.band(a, panels, kept, 0, 0, coarseBank)
			largest := 0.0
			for i := range kept {
				for _, key := range kept[i].keys {
					n := neighbour(key)
					exact := 0.0
					for k := range d {
						exact += float64(queries.Data[i*d+k]) * float64(bank.Data[n.Index*d+k])
					}
					largest = max(largest, math.Abs(float64(n.Similarity)-exact)/(margins[i]/2))
				}
			}
			if !(largest <= 1) || len(kept[0].keys) != coarseBank {
				rt.Fatalf("%s: an error is %g times the bound", unit, largest)
			}
		})
	}
}

func TestTwoPassesAreTakenWhereTheyGain(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	unit := halves(t)[0]
	bank := clumps(4096, 64, 4096, 0, 1)
	few := Rows{10, 64, bank.Data[:640]}
	for _, tc := range []struct {
		name    string
		o       Options
		queries Rows
		want    bool
	}{
		{"many queries", Options{K: 10, Level: cpu.AVX512, Coarse: unit}, bank, true},
		{"few queries", Options{K: 10, Level: cpu.AVX512, Coarse: unit}, few, false},
		{"a large part of the bank", Options{K: 300, Level: cpu.AVX512, Coarse: unit}, bank, false},
		{"no unit", Options{K: 10, Level: cpu.AVX512}, bank, false},
		{"a lower level", Options{K: 10, Level: cpu.AVX2, Coarse: unit}, bank, false},
	} {
		tc.o.Pool = p
		if got := newCoarse(tc.o, tc.queries, bank) != nil; got != tc.want {
			t.Errorf("%s: two passes %t, want %t", tc.name, got, tc.want)
		}
	}
	// Random rows keep few candidates; a single clump is given up on.
	for spread, want := range map[float32]bool{1e3: true, 1e-3: false} {
		rows := clumps(4096, 64, 1, spread, 2)
		c := newCoarse(Options{K: 10, Pool: p, Level: cpu.AVX512, Coarse: unit}, rows, rows)
		done, err := c.search(t.Context(), 0, 128, make([]best, 128), func(int, []Neighbour) {})
		if err != nil || done != want {
			t.Errorf("spread %g: done %t, want %t; error %v", spread, done, want, err)
		}
	}
}

func TestTheUnitIsOneOfThisCPU(t *testing.T) {
	unit := CoarseUnit()
	if !slices.Contains(cpu.BF16Units(), unit) || cpu.DetectBF16() == cpu.BF16Tile && unit != cpu.BF16Tile {
		t.Errorf("unit %s of %s", unit, cpu.BF16Units())
	}
	for _, u := range halves(t) {
		if took := timeHalf(u); took <= 0 || timeFloat() <= 0 {
			t.Errorf("a product on %s took %s", u, took)
		}
	}
}

func TestMarginKeepsWhatIsNearTheKth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.Float32Range(-1, 1), 1, 3000).Draw(t, "scores")
		k, margin := rapid.IntRange(1, 60).Draw(t, "k"), rapid.Float32Range(0.001, 0.3).Draw(t, "margin")
		var b best
		b.reset(k, margin)
		for at := 0; at < len(scores); at += 700 {
			b.offer(cpu.Detect(), at, scores[at:min(at+700, len(scores))])
		}
		if len(b.keys) > k {
			b.thin()
		}
		got := map[int]bool{}
		for _, key := range b.keys {
			got[neighbour(key).Index] = true
		}
		sorted := slices.Sorted(slices.Values(scores))
		floor := float64(math.Inf(-1))
		if len(scores) > k {
			floor = float64(sorted[len(sorted)-k]) - float64(margin)
		}
		for i, s := range scores {
			if float64(s) >= floor && !got[i] || float64(s) < floor-1e-6 && got[i] {
				t.Fatalf("score %g of row %d, floor %g: kept %t", s, i, floor, got[i])
			}
		}
	})
}

func TestDot(t *testing.T) {
	for _, lv := range cpu.Levels() {
		for _, d := range []int{0, 1, 2, 17, 512} {
			x, panel := normals(1, d, 1).Data, normals(d, chains, 2).Data
			var got, want [chains]float32
			got[0] = 7
			dot(cpu.Generic, &want, x, panel)
			dot(lv, &got, x, panel)
			if got != want {
				t.Errorf("%s: d=%d: got %g, want %g", lv, d, got, want)
			}
			for j := range want {
				sum, mag := 0.0, 0.0
				for k := range d {
					p := float64(x[k]) * float64(panel[k*chains+j])
					sum, mag = sum+p, mag+math.Abs(p)
				}
				if tol := float64(d+1) * 0x1p-24 * mag; !(math.Abs(float64(want[j])-sum) <= tol) {
					t.Errorf("d=%d: product %d is %g, want %g ± %g", d, j, want[j], sum, tol)
				}
			}
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	bank, queries := clumps(50_000, 512, 50_000, 0, 1), clumps(2304, 512, 2304, 0, 2)
	for _, unit := range cpu.BF16Units() {
		b.Run(fmt.Sprintf("k=200/coarse=%s", unit), func(b *testing.B) {
			for b.Loop() {
				o := Options{K: 200, Pool: p, Level: cpu.Detect(), Coarse: unit}
				if err := Search(b.Context(), o, queries, bank, func(int, []Neighbour) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
