package index_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"alike/eval"
	"alike/index"
)

// model is a store as a map.
type model map[string]struct {
	class  string
	vector []float32
}

// search is the search of a fresh index of what the model holds.
func (m model) search(t *testing.T, queries *eval.Features, k int) map[string]float32 {
	t.Helper()
	f := &eval.Features{D: queries.D}
	for id, e := range m {
		f.IDs, f.Data, f.N = append(f.IDs, id), append(f.Data, e.vector...), f.N+1
	}
	x, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := x.Search(t.Context(), queries, k)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float32{}
	for _, h := range hits[0] {
		found[h.ID] = h.Similarity
	}
	return found
}

// TestStoreIsExactAtEveryMoment adds, replaces and deletes at random, and compares
// each search with one of a fresh index.
func TestStoreIsExactAtEveryMoment(t *testing.T) {
	const d = 12
	dir := filepath.Join(t.TempDir(), "x")
	entries, f := drawn(40, d, 1)
	write(t, dir, entries, f)
	s := index.NewStore(open(t, dir))
	m := model{}
	for i, e := range entries {
		m[e.ID] = struct {
			class  string
			vector []float32
		}{e.Class, f.Row(i)}
	}
	r := rand.New(rand.NewPCG(2, 3))
	draw := func() []float32 {
		v := make([]float32, d)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	for step := range 400 {
		id := fmt.Sprintf("new/%d", r.IntN(30))
		if r.IntN(2) == 0 {
			id = entries[r.IntN(len(entries))].ID
		}
		if r.IntN(5) < 2 {
			v := draw()
			if err := s.Add(id, "bird", v); err != nil {
				t.Fatal(err)
			}
			m[id] = struct {
				class  string
				vector []float32
			}{"bird", v}
		} else {
			_, had := m[id]
			if s.Delete(id) != had {
				t.Fatalf("step %d: Delete(%s) says %t", step, id, !had)
			}
			delete(m, id)
		}
		if s.Len() != len(m) {
			t.Fatalf("step %d: %d entries, want %d", step, s.Len(), len(m))
		}
		if _, _, ok := s.Get(id); ok != (m[id].vector != nil) {
			t.Fatalf("step %d: Get(%s) says %t", step, id, ok)
		}
		if len(m) == 0 {
			continue
		}
		q := &eval.Features{N: 1, D: d, Data: draw()}
		hits, err := s.Search(t.Context(), q, 5)
		if err != nil {
			t.Fatal(err)
		}
		want := m.search(t, q, 5)
		if len(hits[0]) != len(want) || !slices.IsSortedFunc(hits[0], func(x, y index.Hit) int { return int(1e6 * (y.Similarity - x.Similarity)) }) {
			t.Fatalf("step %d: %d hits, want %d: %v", step, len(hits[0]), len(want), hits[0])
		}
		for _, h := range hits[0] {
			if sim, ok := want[h.ID]; !ok || sim != h.Similarity || h.Class != m[h.ID].class {
				t.Fatalf("step %d: hit %+v, want similarity %g of class %s", step, h, sim, m[h.ID].class)
			}
		}
	}
	checkSnapshot(t, dir, s, m)
}

// checkSnapshot writes a store over its own base and opens that.
func checkSnapshot(t *testing.T, dir string, s *index.Store, m model) {
	t.Helper()
	if err := s.Add("late", "fish", make([]float32, s.Dim())); err != nil {
		t.Fatal(err)
	}
	snapshot := s.Snapshot()
	s.Delete("late") // does not change it
	if err := snapshot.Write(dir); err != nil {
		t.Fatal(err)
	}
	x := open(t, dir)
	if x.Len() != len(m)+1 || snapshot.Len() != x.Len() || x.About.Generation != 2 || x.About.Model.WeightsSHA256 != "abc" {
		t.Errorf("%d entries, want %d; %+v", x.Len(), len(m)+1, x.About)
	}
	for id, e := range m {
		row, ok := x.Find(id)
		if !ok || x.Entry(row).Class != e.class {
			t.Fatalf("%s is not in the snapshot", id)
		}
		f := &eval.Features{N: 1, D: s.Dim(), Data: e.vector}
		hits, err := x.Search(t.Context(), f, 1)
		if err != nil || hits[0][0].Similarity < 0.9999 {
			t.Fatalf("%s: %v, %v", id, hits, err)
		}
	}
}

func TestStoreFilters(t *testing.T) {
	x, err := index.New(&eval.Features{N: 2, D: 2, Data: []float32{1, 0, 0, 1}, IDs: []string{"a/1", "b/1"}, Labels: []int{0, 1}, Classes: []string{"cat", "dog"}})
	if err != nil {
		t.Fatal(err)
	}
	s := index.NewStore(x)
	if err := s.Add("a/2", "dog", []float32{3, 3}); err != nil {
		t.Fatal(err)
	}
	q := &eval.Features{N: 1, D: 2, Data: []float32{1, 0}}
	for filter, want := range map[string]string{"": "a/1 a/2 b/1", "a": "a/1 a/2", "b/*": "b/1", "c": ""} {
		hits, err := s.SearchWhere(t.Context(), q, 5, index.Filter{Path: filter})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, h := range hits[0] {
			ids = append(ids, h.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q: finds %q, want %q", filter, got, want)
		}
	}
	if hits, err := s.SearchWhere(t.Context(), q, 5, index.Filter{Classes: []string{"dog"}}); err != nil || len(hits[0]) != 2 || hits[0][0].ID != "a/2" {
		t.Errorf("dogs are %v, %v", hits, err)
	}
	if err := s.Snapshot().Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), "nothing is known") {
		t.Errorf("got %v", err)
	}
}

func TestStoreRefuses(t *testing.T) {
	x, err := index.New(features(2, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	s := index.NewStore(x)
	nan := float32(0)
	nan /= nan
	for _, tc := range []struct {
		id, want string
		vector   []float32
	}{
		{"", "no line of text", []float32{1, 2}},
		{"a\nb", "no line of text", []float32{1, 2}},
		{"a", "has 3 values, want 2", []float32{1, 2, 3}},
		{"a", "holds NaN", []float32{1, nan}},
	} {
		if err := s.Add(tc.id, "", tc.vector); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	if s.Len() != 1 {
		t.Errorf("%d entries", s.Len())
	}
}

func TestStoreIsForSharing(t *testing.T) {
	x, err := index.New(features(2, 1, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := index.NewStore(x)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(w, i)
				if err := s.Add(id, "", []float32{float32(i), 1}); err != nil {
					t.Error(err)
				}
				if _, err := s.Search(t.Context(), features(2, 1, 1), 3); err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					s.Delete(id)
				}
				s.Snapshot()
			}
		})
	}
	wg.Wait()
	if s.Len() != 2+4*25 {
		t.Errorf("%d entries", s.Len())
	}
}
