package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/index/hnsw"
)

// ofRows writes an index of n vectors of two values, and returns what it says of itself.
func ofRows(t *testing.T, dir string, n int) About {
	t.Helper()
	rows := func(visit func(Entry, []float32) error) error {
		for i := range n {
			if err := visit(Entry{ID: fmt.Sprint(i)}, []float32{1, float32(i)}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := Write(dir, About{Dim: 2, Layer: "h"}, rows); err != nil {
		t.Fatal(err)
	}
	a, err := ReadAbout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOneWriterAtATime writes to an index by all ways while another process would.
func TestOneWriterAtATime(t *testing.T) {
	dir := t.TempDir()
	x, other := filepath.Join(dir, "x"), filepath.Join(dir, "other")
	ofRows(t, x, 30)
	ofRows(t, other, 5)
	base, err := Open(x)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	lock, err := take(x)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for name, write := range map[string]func() error{
		"Write":    func() error { return Write(x, base.About, base.Rows) },
		"Snapshot": func() error { return NewStore(base).Snapshot().Write(x) },
		"Merge":    func() error { _, err := Merge(x, other); return err },
		"Quantize": func() error { _, err := Quantize(t.Context(), other, Int8, x); return err },
		"Graph":    func() error { _, err := BuildGraph(t.Context(), x, hnsw.Defaults(), nil); return err },
	} {
		if err := write(); err == nil || !strings.Contains(err.Error(), "another process writes to the index "+x) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatIsMadeOfAnIndexDoesNotReplaceALaterOne changes an index meanwhile.
func TestWhatIsMadeOfAnIndexDoesNotReplaceALaterOne(t *testing.T) {
	for name, replace := range map[string]func(dir string, base *Index, change func()) error{
		"a graph": func(dir string, _ *Index, change func()) error {
			changed := false
			_, err := BuildGraph(t.Context(), dir, hnsw.Defaults(), func(int) {
				if !changed {
					changed = true
					change()
				}
			})
			return err
		},
		"a snapshot": func(dir string, base *Index, change func()) error {
			s := NewStore(base).Snapshot()
			change()
			return s.Write(dir)
		},
		"a snapshot of an index begun anew": func(dir string, base *Index, change func()) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			change()
			return NewStore(base).Snapshot().Write(dir)
		},
	} {
		dir := filepath.Join(t.TempDir(), "x")
		ofRows(t, dir, 30)
		base, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer base.Close()
		if err := replace(dir, base, func() { ofRows(t, dir, 7) }); err == nil || !strings.Contains(err.Error(), "written again meanwhile") {
			t.Errorf("%s: %v", name, err)
		}
		x, err := Open(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if x.Len() != 7 || x.About.Graph != nil {
			t.Errorf("%s: the index has %d vectors, want the later 7", name, x.Len())
		}
		x.Close()
	}
}

// A reader may have read index.json before a writer removed what it names.
func TestReadingWhileAnIndexIsReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	before := ofRows(t, dir, 3)
	now := ofRows(t, dir, 4)
	x, err := openAs(dir, before)
	if err != nil || x.Len() != 4 {
		t.Fatalf("got %v, want the 4 vectors that are there now", err)
	}
	x.Close()
	if err := os.Remove(filepath.Join(dir, now.Files.Entries.Name)); err != nil {
		t.Fatal(err)
	}
	if _, err := openAs(dir, before); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), now.Files.Entries.Name) {
		t.Errorf("got %v, want %s is missing", err, now.Files.Entries.Name)
	}
}

// Through whatever name: what an index holds in full cannot be got back from fewer bytes.
func TestQuantizingIsNotInPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	ofRows(t, dir, 3)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	t.Chdir(filepath.Dir(dir))
	for _, to := range []string{dir, link, "x", "./x/"} {
		if _, err := Quantize(t.Context(), dir, Int8, to); err == nil || !strings.Contains(err.Error(), "name another directory") {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if a, err := ReadAbout(dir); err != nil || a.Generation != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}
