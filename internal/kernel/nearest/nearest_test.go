package nearest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// normals draws rows from N(0, 1).
func normals(n, d int, seed uint64) Rows {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := Rows{n, d, make([]float32, n*d)}
	for i := range r.Data {
		r.Data[i] = float32(rng.NormFloat64())
	}
	return r
}

// small draws rows of small integers: all products are exact, and many equal.
func small(n, d int, seed uint64) Rows {
	rng := rand.New(rand.NewPCG(seed, 1))
	r := Rows{n, d, make([]float32, n*d)}
	for i := range r.Data {
		r.Data[i] = float32(rng.IntN(5) - 2)
	}
	return r
}

// twin sorts all products, in float64.
func twin(o Options, queries, bank Rows) [][]Neighbour {
	all := make([][]Neighbour, queries.N)
	for q := range all {
		for i := range bank.N {
			if o.ExcludeSelf && i == q || o.Without != nil && o.Without[i] {
				continue
			}
			sum := 0.0
			for k := range bank.D {
				sum += float64(queries.Data[q*bank.D+k]) * float64(bank.Data[i*bank.D+k])
			}
			all[q] = append(all[q], Neighbour{i, float32(sum)})
		}
		slices.SortStableFunc(all[q], func(a, b Neighbour) int { return cmp.Compare(b.Similarity, a.Similarity) })
		all[q] = all[q][:min(o.K, len(all[q]))]
	}
	return all
}

// collect runs a search in blocks of the given sizes.
func collect(t testing.TB, o Options, queries, bank Rows, queryBlock, bankBlock int) [][]Neighbour {
	all := make([][]Neighbour, queries.N)
	var mu sync.Mutex
	err := search(context.Background(), o, queries, bank, queryBlock, bankBlock, func(q int, near []Neighbour) {
		mu.Lock()
		defer mu.Unlock()
		if all[q] != nil {
			t.Errorf("query %d is visited twice", q)
		}
		all[q] = slices.Clone(near)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSearchAgreesWithSorting(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.IntRange(1, 40).Draw(rt, "d")
		bank := small(rapid.IntRange(1, 700).Draw(rt, "n"), d, rapid.Uint64().Draw(rt, "seed"))
		queries := small(rapid.IntRange(1, 20).Draw(rt, "q"), d, 7)
		o := Options{K: rapid.IntRange(1, 100).Draw(rt, "k"), ExcludeSelf: rapid.Bool().Draw(rt, "self"), Pool: p, Level: cpu.Detect()}
		if share := rapid.IntRange(0, 4).Draw(rt, "without"); share > 0 { // all of them, every second, ...
			o.Without = make([]bool, bank.N)
			for i := range o.Without {
				o.Without[i] = i%share == 0
			}
		}
		got := collect(t, o, queries, bank, rapid.IntRange(1, 30).Draw(rt, "query block"), rapid.IntRange(1, 800).Draw(rt, "bank block"))
		for q, want := range twin(o, queries, bank) {
			if d := diff.Diff(want, got[q]); len(want) > 0 && d != "" {
				rt.Fatalf("query %d (-want +got):\n%s", q, d)
			}
		}
	})
}

func TestBitsDependOnNoBlocksWorkersOrLevel(t *testing.T) {
	queries, bank := normals(19, 65, 1), normals(700, 65, 2)
	var want [][]Neighbour
	for _, lv := range cpu.Levels() {
		t.Run(lv.String(), func(t *testing.T) {
			for _, workers := range []int{1, 2, 5} {
				p := pool.New(workers)
				defer p.Close()
				for _, block := range [][2]int{{1024, 1024}, {19, 700}, {5, 100}, {1, 257}, {13, 33}} {
					got := collect(t, Options{K: 50, Pool: p, Level: lv}, queries, bank, block[0], block[1])
					if want == nil {
						want = got
					}
					if d := diff.Diff(want, got); d != "" {
						t.Fatalf("%d workers, blocks of %d (-want +got):\n%s", workers, block, d)
					}
				}
			}
		})
	}
}

func TestEqualRowsTieExactly(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	one := normals(1, 100, 3)
	bank := Rows{N: 2100, D: 100}
	for range bank.N {
		bank.Data = append(bank.Data, one.Data...)
	}
	for _, lv := range cpu.Levels() {
		for _, n := range collect(t, Options{K: 900, Pool: p, Level: lv}, normals(3, 100, 4), bank, queryBlock, bankBlock) {
			for i, got := range n {
				if got.Index != i {
					t.Fatalf("%s: neighbour %d is row %d", lv, i, got.Index)
				}
			}
		}
	}
}

func TestSearchForMoreThanThereIs(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	bank := normals(3, 4, 1)
	o := Options{K: math.MaxInt, Pool: p}
	visited := 0
	err := Search(t.Context(), o, normals(1, 4, 2), bank, func(_ int, near []Neighbour) {
		visited++
		if len(near) != 3 {
			t.Errorf("%d neighbours, want 3", len(near))
		}
	})
	if err != nil || visited != 1 {
		t.Errorf("error %v, visited %d times", err, visited)
	}
}

func TestSearchStopsWithTheContext(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	rows := normals(2, 2, 1)
	err := Search(ctx, Options{K: 1, Pool: p}, rows, rows, func(int, []Neighbour) { t.Error("visited") })
	if err != cause {
		t.Errorf("error %v", err)
	}
}

func TestKeysOrderAsNeighboursDo(t *testing.T) {
	scores := []float32{float32(math.Inf(1)), 2, 1, math.SmallestNonzeroFloat32, 0, -math.SmallestNonzeroFloat32, -1, float32(math.Inf(-1))}
	last := uint64(math.MaxUint64)
	for _, s := range scores {
		for _, row := range []int{0, 1, 1 << 20, math.MaxUint32} {
			k := key(s, row)
			if k >= last {
				t.Errorf("score %g, row %d does not come after what is nearer", s, row)
			}
			if got := neighbour(k); got != (Neighbour{row, s}) {
				t.Errorf("key of %g, %d reads back as %v", s, row, got)
			}
			last = k
		}
	}
	if key(float32(math.Copysign(0, -1)), 1) != key(0, 1) {
		t.Error("-0 and 0 do not tie")
	}
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 1000), 1, 60, rapid.ID).Draw(t, "keys")
		k := rapid.IntRange(0, len(keys)).Draw(t, "k")
		want := slices.Clone(keys)
		slices.SortFunc(want, func(a, b uint64) int { return cmp.Compare(b, a) })
		split(keys, k)
		got := slices.Clone(keys[:k])
		slices.SortFunc(got, func(a, b uint64) int { return cmp.Compare(b, a) })
		if !slices.Equal(got, want[:k]) {
			t.Fatalf("got %d, want %d", got, want[:k])
		}
	})
}

func TestUnit(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	big, tiny := float32(1e38), float32(1e-44)
	got := Unit(p, Rows{4, 2, []float32{3, -4, 0, 0, big, big, tiny, 0}}).Data
	half := float32(math.Sqrt2 / 2)
	if want := []float32{0.6, -0.8, 0, 0, half, half, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("got %g, want %g", got, want)
	}
	done := Rows{2, 2, []float32{half, half, 0, -1}}
	if got := Unit(p, done); &got.Data[0] != &done.Data[0] {
		t.Error("rows of length 1 are copied")
	}
}

// BenchmarkOffer is the search without the products: one query, 50,000 scores.
// Queries differ, or the processor would learn their branches.
func BenchmarkOffer(b *testing.B) {
	const bank, queries = 50_000, 32
	scores := normals(queries, bank, 1).Data
	for _, k := range []int{1, 20, 200} {
		for _, lv := range cpu.Levels() {
			b.Run(fmt.Sprintf("k=%d/impl=%s", k, lv), func(b *testing.B) {
				var kept best
				b.SetBytes(4 * bank)
				for n := 0; b.Loop(); n++ {
					row := scores[n%queries*bank:][:bank]
					kept.reset(k, 0)
					for from := 0; from < bank; from += bankBlock {
						kept.offer(lv, from, row[from:min(from+bankBlock, bank)])
					}
					kept.sorted()
				}
			})
		}
	}
}

func TestAbove(t *testing.T) {
	nan := float32(math.NaN())
	for _, lv := range cpu.Levels() {
		for n := range 3*64 + 17 {
			scores := normals(1, n+2, uint64(n)).Data
			scores[0], scores[n+1] = 1e9, 1e9 // a read too far finds these
			scores = scores[1 : n+1]
			if n > 9 {
				scores[9] = nan
			}
			for _, floor := range []float32{float32(math.Inf(-1)), 0, 2, 1e8} {
				var want []int32
				for i, s := range scores {
					if s > floor {
						want = append(want, int32(i))
					}
				}
				dst := make([]int32, n+1)
				dst[n] = -7 // a write too far changes this
				got := dst[:above(lv, dst[:n], scores, floor)]
				if !slices.Equal(got, want) || dst[n] != -7 {
					t.Fatalf("%s: n=%d, floor %g: got %d, want %d", lv, n, floor, got, want)
				}
			}
		}
	}
}

// Few queries go another way than many.
func TestFewQueriesFindWhatManyDo(t *testing.T) {
	p := pool.New(0)
	defer p.Close()
	for _, d := range []int{1, 7, 64, 512} {
		bank, queries := normals(3000, d, 1), normals(fewQueries+10, d, 2)
		find := func(q Rows) [][]Neighbour {
			found := make([][]Neighbour, q.N)
			err := Search(t.Context(), Options{K: 40, Pool: p, Level: cpu.Detect()}, q, bank, func(i int, near []Neighbour) { found[i] = slices.Clone(near) })
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		many := find(queries)
		for _, n := range []int{1, 2, 5, fewQueries} {
			few := find(Rows{N: n, D: d, Data: queries.Data[:n*d]})
			for i := range few {
				if !slices.Equal(few[i], many[i]) {
					t.Fatalf("D=%d: query %d finds %v among %d queries, %v among %d", d, i, few[i][:3], n, many[i][:3], queries.N)
				}
			}
		}
	}
}

func TestLongRowsAreFewToABlock(t *testing.T) {
	for _, tc := range []struct{ most, d, bytes, want int }{
		{queryBlock, 512, 2, queryBlock}, {bankBlock, 2048, 4, bankBlock}, {queryBlock, 150528, 2, 96}, {bankBlock, 150528, 4, 32}, {bankBlock, 1 << 24, 4, 32}, {10, 1, 4, 10},
	} {
		if got := Fit(tc.most, tc.d, tc.bytes); got != tc.want {
			t.Errorf("%d rows of %d values of %d bytes to a block, want %d", got, tc.d, tc.bytes, tc.want)
		}
	}
}
