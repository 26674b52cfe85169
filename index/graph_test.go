package index_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"alike/eval"
	"alike/index"
	"alike/index/hnsw"
)

// graphed is an index of n vectors with a graph, opened; its last fifth are copies of row 0.
func graphed(t testing.TB, n int) (dir string, x *index.Index, f *eval.Features) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "x")
	entries, f := drawn(n, 8, 11)
	for i := n - n/5; i < n; i++ {
		copy(f.Row(i), f.Row(0))
	}
	write(t, dir, entries, f)
	if _, err := index.BuildGraph(t.Context(), dir, hnsw.Params{M: 8, EfConstruction: 40, Seed: 1}, nil); err != nil {
		t.Fatal(err)
	}
	return dir, open(t, dir), f
}

// recall is the share of the hits that are as similar as the last exact one.
func recall(got, want [][]index.Hit) float64 {
	found, all := 0, 0
	for q := range want {
		all += len(want[q])
		for _, h := range got[q] {
			if h.Similarity >= want[q][len(want[q])-1].Similarity-1e-6 {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}

func TestApproximateReachesWhatWasAskedFor(t *testing.T) {
	_, x, _ := graphed(t, 3000)
	g := x.About.Graph
	if g == nil || g.Sample != 1000 || g.K != 10 || g.M != 8 || !slices.IsSortedFunc(g.Efforts, func(a, b index.Effort) int { return a.Ef - b.Ef }) {
		t.Fatalf("graph %+v", g)
	}
	_, queries := drawn(200, 8, 12)
	want, err := x.Search(t.Context(), queries, 10)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, target := range []float64{0.8, 0.95, 0.99} {
		if err := x.Approximate(target); err != nil {
			t.Fatal(err)
		}
		if x.Effort() < last {
			t.Errorf("effort %d for recall %g, %d for less", x.Effort(), target, last)
		}
		last = x.Effort()
		got, err := x.Search(t.Context(), queries, 10)
		if err != nil {
			t.Fatal(err)
		}
		// 2000 hits: three standard deviations of the share are below 0.03
		if r := recall(got, want); r < target-0.03 {
			t.Errorf("asked for recall %g, got %g", target, r)
		}
	}
	if err := x.Approximate(0); err != nil || x.Effort() != 0 {
		t.Errorf("exact again: effort %d, %v", x.Effort(), err)
	}
}

// A query that has many copies finds them all, though only one is linked.
func TestCopiesAreFound(t *testing.T) {
	_, x, f := graphed(t, 1000)
	if err := x.Approximate(0.95); err != nil {
		t.Fatal(err)
	}
	hits, err := x.Search(t.Context(), f.Select([]int{0}), 150)
	if err != nil {
		t.Fatal(err)
	}
	if len(hits[0]) != 150 || hits[0][149].Similarity < 0.9999 {
		t.Errorf("%d hits, the last %+v", len(hits[0]), hits[0][len(hits[0])-1])
	}
}

func TestApproximateWithoutWhatIsGone(t *testing.T) {
	_, x, _ := graphed(t, 2000)
	if err := x.Approximate(0.99); err != nil {
		t.Fatal(err)
	}
	s := index.NewStore(x)
	for i, e := range x.Entries() {
		if i%4 == 0 {
			s.Delete(e.ID)
		}
	}
	_, queries := drawn(100, 8, 13)
	got, err := s.Search(t.Context(), queries, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Approximate(0); err != nil {
		t.Fatal(err)
	}
	want, err := s.Search(t.Context(), queries, 10)
	if err != nil {
		t.Fatal(err)
	}
	if r := recall(got, want); r < 0.96 {
		t.Errorf("recall %g", r)
	}
	for _, hits := range got {
		for _, h := range hits {
			if row, _ := x.Find(h.ID); row%4 == 0 || len(hits) != 10 {
				t.Fatalf("found %s, which is gone, or only %d", h.ID, len(hits))
			}
		}
	}
}

// With a filter a search is exact.
func TestApproximateWithAFilter(t *testing.T) {
	_, x, _ := graphed(t, 500)
	_, queries := drawn(20, 8, 14)
	filter := index.Filter{Classes: []string{"dog"}, Path: "folder1"}
	want, err := x.SearchWhere(t.Context(), queries, 10, filter)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Approximate(0.5); err != nil {
		t.Fatal(err)
	}
	got, err := x.SearchWhere(t.Context(), queries, 10, filter)
	if err != nil || recall(got, want) != 1 {
		t.Errorf("recall %g, %v", recall(got, want), err)
	}
}

func TestGraphsOfFewVectors(t *testing.T) {
	for n := 1; n < 12; n++ {
		_, x, f := graphed(t, n)
		if err := x.Approximate(0.9); err != nil {
			t.Fatal(err)
		}
		if hits, err := x.Search(t.Context(), f.Select([]int{n / 2}), 20); err != nil || len(hits[0]) != n || hits[0][0].Similarity < 0.9999 {
			t.Errorf("n=%d: %d hits, %v", n, len(hits[0]), err)
		}
	}
}

func TestGraphIsNeitherKeptNorReadWrongly(t *testing.T) {
	dir, x, f := graphed(t, 300)
	if err := x.Approximate(1.5); err == nil || !strings.Contains(err.Error(), "recall 1.5") {
		t.Errorf("got %v", err)
	}
	name := filepath.Join(dir, x.About.Graph.File.Name)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := x.Approximate(0.9); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("a damaged graph: %v", err)
	}
	if hits, err := x.Search(t.Context(), f.Select([]int{7}), 1); err != nil || hits[0][0].Index != 7 {
		t.Errorf("exact search beside a damaged graph: %v, %v", hits, err)
	}
	write(t, dir, x.Entries(), f)
	if after := open(t, dir); after.About.Graph != nil {
		t.Error("the graph of former vectors is kept")
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its file is still there: %v", err)
	}
}
