package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/eval"
	"alike/index"
)

func visits(all []change) changes {
	return func(visit func(change) error) error {
		for _, c := range all {
			if err := visit(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// short is what the batches amount to in a gallery that has "a".
var short = []change{{id: "a"}, {"ü/c", "dog", []float32{3, 4}}}

// TestCompactingKilledAnywhere puts the files in every state that a kill could leave.
func TestCompactingKilledAnywhere(t *testing.T) {
	long, _ := filled(t)
	path := filepath.Join(t.TempDir(), "j")
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(path, long)
	j, _, err := openJournal(path, 2, key, func(change) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.rewrite(visits(short)); err != nil {
		t.Fatal(err)
	}
	if err := j.append([]change{{id: "z"}}); err != nil { // the lock and the place hold
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if got, _, err := opens(path); err != nil || !cmp.Equal(got, append(short[:2:2], change{id: "z"}), same) {
		t.Fatalf("after compacting: %v, %v", got, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	small := whole[:len(whole)-len(frameOf([]change{{id: "z"}}))]

	check := func(what string, want []change) {
		t.Helper()
		got, r, err := opens(path)
		if err != nil || r.Torn != 0 || !cmp.Equal(got, want, same) {
			t.Errorf("%s: %v, %+v, %v; want %v", what, got, r, err, want)
		}
		for _, name := range []string{path + ".new", path + ".compact"} {
			if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s is left: %v", what, filepath.Base(name), err)
			}
		}
	}
	all := upTo(len(long), []int{0, 0, 0, 0})
	for n := range len(small) + 1 { // step 1
		put(path, long)
		put(path+".new", small[:n])
		check(fmt.Sprintf("%d bytes of .new", n), all)
	}
	for n := range len(small) + 1 { // step 2
		put(path, small[:n])
		put(path+".compact", small)
		check(fmt.Sprintf("%d bytes copied", n), short)
	}
	put(path, long) // before step 2
	put(path+".compact", small)
	check("nothing copied", short)
}

// TestAJournalIsAsLongAsWhatItSays writes the same images again and again.
func TestAJournalIsAsLongAsWhatItSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	gallery := func() *index.Store {
		t.Helper()
		x, err := index.New(&eval.Features{N: 2, D: 6, Data: append(vectorOf(255, 0, 0), vectorOf(0, 255, 0)...), IDs: []string{"red", "green"}})
		if err != nil {
			t.Fatal(err)
		}
		return index.NewStore(x)
	}
	s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	store := gallery()
	writes := Journal{Path: path, Slack: 1000}
	if _, err := s.Open(t.Context(), about, &colours{}, store, writes); err != nil {
		t.Fatal(err)
	}
	v := s.service.Load()
	longest := int64(0)
	for n := range 500 {
		c := change{fmt.Sprint("image ", n%7), "class", vectorOf(uint8(n), 1, 2)}
		switch {
		case n == 100:
			c = change{id: "red"}
		case n%11 == 0:
			c = change{id: c.id}
		case n%13 == 0:
			c.id = "green"
		}
		if _, err := v.commit(t.Context(), []edit{{change: c}}); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, v.journal.bytes.Load())
	}
	const live = journalHeader + 9*(8+10+5+4*6)
	if longest > 2*live+1000+200 {
		t.Errorf("the journal had %d bytes, for at most %d that are needed", longest, live)
	}
	if err := v.close(); err != nil {
		t.Fatal(err)
	}
	held := func(s *index.Store) map[string]string {
		m := map[string]string{}
		if err := s.Snapshot().Rows(func(e index.Entry, v []float32) error { m[e.ID] = fmt.Sprint(e.Class, v); return nil }); err != nil {
			t.Fatal(err)
		}
		return m
	}
	again, want := gallery(), held(store)
	if s, err = New(DefaultConfig(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), about, &colours{}, again, writes)
	if err != nil {
		t.Fatal(err)
	}
	defer s.service.Load().close()
	if d := cmp.Diff(want, held(again)); d != "" {
		t.Errorf("after a start (-want +got):\n%s", d)
	}
	if _, there := want["red"]; there || r.Changes > 60 {
		t.Errorf("red is there: %v; %d changes were replayed", there, r.Changes)
	}
}

// TestADeleteOutlivesCompaction deletes what the gallery holds at the next start, though not in the base of this one.
func TestADeleteOutlivesCompaction(t *testing.T) {
	dir := t.TempDir()
	folded := filepath.Join(dir, "folded")
	rows := func(visit func(index.Entry, []float32) error) error {
		return visit(index.Entry{ID: "green"}, vectorOf(0, 255, 0))
	}
	if err := index.Write(folded, index.About{Dim: 6, Layer: "h"}, rows); err != nil {
		t.Fatal(err)
	}
	onDisk := func() *index.Index {
		x, err := index.Open(folded)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		return x
	}
	inMemory := func(ids ...string) func() *index.Index {
		return func() *index.Index {
			f := &eval.Features{N: len(ids), D: 6, IDs: ids}
			for i := range ids {
				f.Data = append(f.Data, vectorOf(255, uint8(i), 0)...)
			}
			x, err := index.New(f)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
	}
	put, gone := change{"x", "", vectorOf(1, 2, 3)}, change{id: "x"}
	type start struct {
		gallery func() *index.Index
		write   change
	}
	for name, tc := range map[string]struct {
		starts []start
		fold   func(*index.Snapshot) error
	}{
		"what was folded into the index":       {[]start{{onDisk, put}, {onDisk, gone}, {onDisk, change{id: "none"}}}, func(s *index.Snapshot) error { return s.Write(folded) }},
		"what only other data have":            {[]start{{inMemory("x"), gone}, {inMemory("z"), change{id: "none"}}, {inMemory("x"), change{id: "none"}}}, nil},
		"what is in the place of other data's": {[]start{{inMemory("x"), put}, {inMemory("z"), gone}, {inMemory("x"), change{id: "none"}}}, nil},
	} {
		path := filepath.Join(dir, name)
		for n, start := range tc.starts {
			s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			store := index.NewStore(start.gallery())
			if _, err := s.Open(t.Context(), about, &colours{}, store, Journal{Path: path, Fold: tc.fold, Slack: 300}); err != nil {
				t.Fatal(err)
			}
			v := s.service.Load()
			if _, _, there := store.Get("x"); n == 2 && there {
				t.Errorf("%s: it was deleted, and is there", name)
			}
			written := 0
			for i := range 20 { // enough for the journal to be written anew
				c := start.write
				if i > 0 {
					c = change{"y", "", vectorOf(1, 2, uint8(i))}
				}
				written += len(frameOf([]change{c}))
				if _, err := v.commit(t.Context(), []edit{{change: c}}); err != nil {
					t.Fatal(err)
				}
			}
			if v.journal.bytes.Load() >= int64(written) {
				t.Errorf("%s: the journal was not written anew", name)
			}
			if err := v.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAJournalThatFailsToBeRewrittenTakesNothingMore fails after step 1 may have been done: at the next start
// what is in PATH.compact replaces the journal.
func TestAJournalThatFailsToBeRewrittenTakesNothingMore(t *testing.T) {
	for name, fail := range map[string]func(j *journal) error{
		"the new journal cannot be renamed": func(j *journal) error {
			if err := os.Mkdir(j.path+".compact", 0o700); err != nil {
				return err
			}
			return j.rewrite(visits(short))
		},
		"the renamed one cannot be opened": func(j *journal) error {
			if err := os.Symlink(j.path+".compact", j.path+".compact"); err != nil {
				t.Skip(err)
			}
			return j.takeOver()
		},
	} {
		j, _, err := openJournal(filepath.Join(t.TempDir(), "j"), 2, key, func(change) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		if err := fail(j); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := j.append(batches[0]); err == nil || !strings.Contains(err.Error(), "writes are refused") {
			t.Errorf("%s: a write then: %v", name, err)
		}
	}
}

// TestAJournalThatCannotBeShortened goes on as it is.
func TestAJournalThatCannotBeShortened(t *testing.T) {
	s, _ := testServer(t, nil)
	v := s.service.Load()
	v.journal.slack = 100
	if err := os.Mkdir(v.journal.path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		if w := ask(t, s, "PUT", "/v1/images?id=x", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`)); w.Code/100 != 2 {
			t.Fatalf("write %d: %d %s", n, w.Code, w.Body)
		}
	}
	if v.journal.bytes.Load() < 50*40 {
		t.Error("it was shortened")
	}
	if err := v.journal.rewrite(visits(short)); err == nil || !strings.Contains(err.Error(), ".new") {
		t.Errorf("got %v", err)
	}
}
