package index_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/eval"
	"alike/index"
)

// about is what a caller says of its vectors.
func about(d int) index.About {
	return index.About{Dim: d, Layer: "h", Size: 32, Model: eval.Subject{Name: "run", WeightsSHA256: "abc"}, Data: index.Data{Spec: "photos", Split: "all"}, CreatedBy: "test"}
}

// drawn are n entries of two classes in three folders, with vectors from N(0, 1).
func drawn(n, d int, seed uint64) ([]index.Entry, *eval.Features) {
	r := rand.New(rand.NewPCG(seed, 0))
	entries, f := make([]index.Entry, n), &eval.Features{N: n, D: d, Data: make([]float32, n*d)}
	for i := range entries {
		id := fmt.Sprintf("folder%d/%d.png", i%3, i)
		entries[i] = index.Entry{ID: id, Class: []string{"cat", "dog"}[i%2], Path: "photos/" + id, Hash: fmt.Sprint("hash", i)}
		f.IDs = append(f.IDs, id)
	}
	for i := range f.Data {
		f.Data[i] = float32(r.NormFloat64())
	}
	return entries, f
}

func rowsOf(entries []index.Entry, f *eval.Features) index.Rows {
	return func(visit func(index.Entry, []float32) error) error {
		for i, e := range entries {
			if err := visit(e, f.Row(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func write(t testing.TB, dir string, entries []index.Entry, f *eval.Features) {
	t.Helper()
	if err := index.Write(dir, about(f.D), rowsOf(entries, f)); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *index.Index {
	t.Helper()
	x, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// files are those of a directory but the one that is locked.
func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(append(list, hidden...), func(name string) bool { return filepath.Base(name) == ".lock" })
}

func TestAnOpenedIndexIsTheOneInMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x.index")
	entries, f := drawn(500, 24, 1)
	write(t, dir, entries, f)
	x := open(t, dir)
	a := x.About
	if a.Version != 1 || a.Generation != 1 || a.Count != 500 || a.Dim != 24 || !a.Normalized || a.Layer != "h" || a.Size != 32 || a.Model.WeightsSHA256 != "abc" || len(a.Data.SHA256) != 64 {
		t.Errorf("about %+v", a)
	}
	if row, ok := x.Find("folder1/7.png"); !ok || row != 7 || x.Entry(7) != entries[7] {
		t.Errorf("entry %+v in row %d", x.Entry(7), row)
	}
	in, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	_, queries := drawn(20, 24, 2)
	got, err := x.Search(t.Context(), queries, 10)
	if err != nil {
		t.Fatal(err)
	}
	want, err := in.Search(t.Context(), queries, 10)
	if err != nil {
		t.Fatal(err)
	}
	for q := range got {
		for i, h := range got[q] {
			if e := entries[h.Index]; h.ID != e.ID || h.Class != e.Class || h.Path != e.Path || h.Index != want[q][i].Index || h.Similarity != want[q][i].Similarity {
				t.Fatalf("query %d: hit %d is %+v, want %+v", q, i, h, want[q][i])
			}
		}
	}
}

func TestFilters(t *testing.T) {
	entries, f := drawn(300, 8, 3)
	dir := filepath.Join(t.TempDir(), "x")
	write(t, dir, entries, f)
	x := open(t, dir)
	for _, tc := range []struct {
		filter index.Filter
		want   func(i int) bool
	}{
		{index.Filter{Classes: []string{"dog"}}, func(i int) bool { return i%2 == 1 }},
		{index.Filter{Classes: []string{"dog", "cat"}}, func(int) bool { return true }},
		{index.Filter{Classes: []string{"bird"}}, func(int) bool { return false }},
		{index.Filter{Path: "folder2"}, func(i int) bool { return i%3 == 2 }},
		{index.Filter{Path: "folder[02]/*"}, func(i int) bool { return i%3 != 1 }},
		{index.Filter{Path: "*/1?.png"}, func(i int) bool { return i >= 10 && i < 20 }},
		{index.Filter{Path: "folder1/1?.png", Classes: []string{"cat"}}, func(i int) bool { return i == 10 || i == 16 }},
		{index.Filter{Path: "folder1/1?.png/*"}, func(int) bool { return false }},
		{index.Filter{Path: "1?.png"}, func(int) bool { return false }},
	} {
		hits, err := x.SearchWhere(t.Context(), f.Select([]int{4}), 300, tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range entries {
			if tc.want(i) {
				want++
			}
		}
		for _, h := range hits[0] {
			if !tc.want(h.Index) {
				t.Errorf("%+v: finds %s of class %s", tc.filter, h.ID, h.Class)
			}
		}
		if len(hits[0]) != want {
			t.Errorf("%+v: finds %d, want %d", tc.filter, len(hits[0]), want)
		}
	}
	if _, err := x.SearchWhere(t.Context(), f.Select([]int{4}), 3, index.Filter{Path: "["}); err == nil || !strings.Contains(err.Error(), `pattern "["`) {
		t.Errorf("got %v", err)
	}
}

// TestReplacing checks that whoever has the former index open keeps it, and that
// nothing of it is left.
func TestReplacing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	entries, f := drawn(50, 8, 4)
	write(t, dir, entries, f)
	before := open(t, dir)
	more, g := drawn(70, 8, 5)
	write(t, dir, more, g)
	after := open(t, dir)
	if before.Len() != 50 || after.Len() != 70 || after.About.Generation != 2 {
		t.Errorf("%d and then %d entries, generation %d", before.Len(), after.Len(), after.About.Generation)
	}
	if hits, err := before.Search(t.Context(), f.Select([]int{9}), 1); err != nil || hits[0][0].Index != 9 {
		t.Errorf("the former index finds %v, %v", hits, err)
	}
	if list := files(t, dir); len(list) != 3 {
		t.Errorf("the directory holds %v", list)
	}
	if before.About.Data.SHA256 == after.About.Data.SHA256 {
		t.Error("other data have the same hash")
	}
}

// A process killed while it replaced an index has left files of another generation.
func TestWhatAKilledWriterLeftIsNoIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	entries, f := drawn(50, 8, 4)
	write(t, dir, entries, f)
	const mine = "vectors-umap.npy" // a file of the user
	for _, name := range []string{"vectors-2.f32", "ids-2.jsonl", ".ids-2.jsonl.123", ".index.json.5", "graph-1-0123abcd.hnsw", mine} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if x := open(t, dir); x.Len() != 50 {
		t.Errorf("%d entries", x.Len())
	}
	write(t, dir, entries, f)
	if list := files(t, dir); len(list) != 4 || !slices.Contains(list, filepath.Join(dir, mine)) {
		t.Errorf("the directory holds %v", list)
	}
}

func TestDamageIsNamed(t *testing.T) {
	entries, f := drawn(50, 8, 6)
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for _, tc := range []struct {
		file, want string
		damage     func([]byte) []byte
	}{
		{"vectors-1.f32", "vectors-1.f32 has another checksum", flip},
		{"vectors-1.f32", "vectors-1.f32 has 1599 bytes, want 1600", func(b []byte) []byte { return b[1:] }},
		{"vectors-1.f32", "vectors-1.f32 is missing", nil},
		{"ids-1.jsonl", "ids-1.jsonl has another checksum", flip},
		{"index.json", "index.json:", func(b []byte) []byte { return b[:len(b)/2] }},
		{"index.json", "has version 2", func(b []byte) []byte { return replace(b, `"version": 1`, `"version": 2`) }},
		{"index.json", "are not 1600 bytes", func(b []byte) []byte { return replace(b, `"count": 50`, `"count": 51`) }},
		{"index.json", "is no name of a file", func(b []byte) []byte { return replace(b, `"ids-1.jsonl"`, `"../ids-1.jsonl"`) }},
		{"index.json", "unknown field", func(b []byte) []byte { return replace(b, `"dim"`, `"dimension"`) }},
		{"index.json", "is no index", nil},
	} {
		t.Run(tc.want, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			write(t, dir, entries, f)
			path := filepath.Join(dir, tc.file)
			if tc.damage == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, tc.damage(b), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			x, err := index.Open(dir)
			if err == nil {
				x.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if plain := strings.Contains(tc.want, "version") || strings.Contains(tc.want, "no index"); errors.Is(err, index.ErrDamaged) == plain {
				t.Errorf("%v: is ErrDamaged: %t", err, !plain)
			}
		})
	}
}

func replace(b []byte, old, new string) []byte {
	return []byte(strings.ReplaceAll(string(b), old, new))
}

func TestWriteRefuses(t *testing.T) {
	entries, f := drawn(3, 4, 7)
	twice := append(entries[:2:2], entries[0])
	nameless := append(entries[:2:2], index.Entry{})
	infinite := f.Select([]int{0, 1, 2})
	infinite.Data[5] = float32(math.Inf(1))
	for _, tc := range []struct {
		want    string
		dim     int
		entries []index.Entry
		f       *eval.Features
	}{
		{"two entries have the ID", 4, twice, f},
		{`entry 2 has the ID ""`, 4, nameless, f},
		{"has 4 values, want 5", 5, entries, f},
		{"holds +Inf", 4, entries, infinite},
	} {
		dir := filepath.Join(t.TempDir(), "x")
		err := index.Write(dir, about(tc.dim), rowsOf(tc.entries, tc.f))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
		if list := files(t, dir); len(list) > 0 {
			t.Errorf("%s: left %v", tc.want, list)
		}
	}
	for _, name := range []string{"cat.jpg", "vectors-umap.npy", "ids-cats.jsonl", "graph-1.hnsw"} {
		other := t.TempDir()
		if err := os.WriteFile(filepath.Join(other, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := index.Write(other, about(4), rowsOf(entries, f)); err == nil || !strings.Contains(err.Error(), "something else") {
			t.Errorf("beside %s: %v", name, err)
		}
		if list, err := os.ReadDir(other); err != nil || len(list) != 1 {
			t.Errorf("beside %s: left %v, %v", name, list, err)
		}
	}
}

func TestSameInputsGiveTheSameFiles(t *testing.T) {
	entries, f := drawn(50, 8, 8)
	var first map[string]string
	for range 2 {
		dir := filepath.Join(t.TempDir(), "x")
		write(t, dir, entries, f)
		files := map[string]string{}
		for _, name := range []string{"index.json", "ids-1.jsonl", "vectors-1.f32"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(b)
		}
		if d := cmp.Diff(first, files); first != nil && d != "" {
			t.Error(d)
		}
		first = files
	}
}

func TestMergeRefusesOtherModels(t *testing.T) {
	entries, f := drawn(5, 4, 31)
	for want, change := range map[string]func(m *eval.Subject){
		"weights def, not abc":                       func(m *eval.Subject) { m.WeightsSHA256 = "def" },
		"preprocessing mean=0.1 std=2, not mean=0.5": func(m *eval.Subject) { m.Preprocessing = "size=32 mean=0.1 std=2" },
	} {
		dir := t.TempDir()
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		first := about(4)
		first.Model.Preprocessing = "size=32 mean=0.5"
		second := first
		change(&second.Model)
		for to, what := range map[string]index.About{a: first, b: second} {
			if err := index.Write(to, what, rowsOf(entries, f)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := index.Merge(filepath.Join(dir, "c"), a, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
