package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var key = about.key()

func opens(path string) (all []change, r Recovery, err error) {
	j, r, err := openJournal(path, 2, key, func(c change) error {
		all = append(all, c)
		return nil
	})
	if err == nil {
		err = j.close()
	}
	return all, r, err
}

// batches are what a journal is filled with: frames of one or more changes.
var batches = [][]change{
	{{"a", "cat", []float32{1, 2}}},
	{{"b", "", []float32{-1, 0.5}}, {id: "a"}, {"ü/c", "dog", []float32{3, 4}}},
	{{id: "b"}},
}

// filled writes the batches to a journal and returns its bytes and the size after each.
func filled(t testing.TB) (file []byte, ends []int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := openJournal(path, 2, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	ends = append(ends, int(j.bytes.Load()))
	for _, b := range batches {
		if err := j.append(b); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(j.bytes.Load()))
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file, ends
}

// upTo is the changes of the frames that are whole in the first n bytes.
func upTo(n int, ends []int) (all []change) {
	for i, b := range batches {
		if ends[i+1] <= n {
			all = append(all, b...)
		}
	}
	return all
}

var same = cmp.AllowUnexported(change{})

func TestJournalCutAnywhere(t *testing.T) {
	file, ends := filled(t)
	path := filepath.Join(t.TempDir(), "j")
	for n := range len(file) + 1 {
		for _, tail := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
			cut := append(bytes.Clone(file[:n]), tail...)
			if n < journalHeader && tail != "" && n > 0 {
				continue // a header is damaged, not cut
			}
			if err := os.WriteFile(path, cut, 0o600); err != nil {
				t.Fatal(err)
			}
			got, r, err := opens(path)
			if err != nil {
				if tail != "" { // zeros within a frame's length
					continue
				}
				t.Fatalf("%d of %d bytes: %v", n, len(file), err)
			}
			if d := cmp.Diff(upTo(n, ends), got, same); d != "" {
				t.Fatalf("%d of %d bytes, %d zeros (-want +got):\n%s", n, len(file), len(tail), d)
			}
			again, r2, err := opens(path)
			if err != nil || !cmp.Equal(got, again, same) || r2.Torn != 0 {
				t.Fatalf("%d bytes: opened again: %v, %+v after %+v", n, err, r2, r)
			}
		}
	}
}

// A bit that flips either cuts off the last frame, which may have been torn, or is
// an error; it never changes what is read before, nor loses what follows.
func TestJournalOfFlippedBits(t *testing.T) {
	file, ends := filled(t)
	path := filepath.Join(t.TempDir(), "j")
	last := ends[len(ends)-2]
	for bit := range 8 * len(file) {
		flipped := bytes.Clone(file)
		flipped[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := opens(path)
		if err != nil {
			continue
		}
		if bit/8 < last || !cmp.Equal(got, upTo(last, ends), same) {
			t.Fatalf("bit %d of byte %d: %d changes are read without an error", bit%8, bit/8, len(got))
		}
	}
}

// The pages of the last write may reach the disk in any order: of some there are zeros. If a whole write
// follows, that one was acknowledged, and so was the one before it.
func TestJournalWithAHole(t *testing.T) {
	file, ends := filled(t)
	path := filepath.Join(t.TempDir(), "j")
	for i, start := range ends[:len(ends)-1] {
		for hole := frameHeader; start+hole <= ends[i+1]; hole++ {
			holed := bytes.Clone(file)
			clear(holed[start : start+hole])
			if err := os.WriteFile(path, holed, 0o600); err != nil {
				t.Fatal(err)
			}
			got, r, err := opens(path)
			if last := i == len(batches)-1; !last {
				if err == nil || !strings.Contains(err.Error(), "what follows was acknowledged") {
					t.Fatalf("%d zeros in frame %d: %d changes, %v", hole, i, len(got), err)
				}
			} else if err != nil || r.Torn != int64(len(file)-start) || !cmp.Equal(got, upTo(start, ends), same) {
				t.Fatalf("%d zeros in the last frame: %d changes, %+v, %v", hole, len(got), r, err)
			}
		}
	}
}

func TestJournalOfOthers(t *testing.T) {
	file, _ := filled(t)
	path := filepath.Join(t.TempDir(), "j")
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file)
	if _, _, err := openJournal(path, 3, key, nil); err == nil || !strings.Contains(err.Error(), "from another model or layer") {
		t.Errorf("another dimension: %v", err)
	}
	if _, _, err := openJournal(path, 2, [32]byte{1}, nil); err == nil || !strings.Contains(err.Error(), "from another model or layer") {
		t.Errorf("another model: %v", err)
	}
	for _, text := range []string{"dear diary", strings.Repeat("dear diary ", 20)} {
		write([]byte(text))
		if _, _, err := opens(path); err == nil || !strings.Contains(err.Error(), "no journal of alike") {
			t.Errorf("%.20q: %v", text, err)
		}
		if b, _ := os.ReadFile(path); string(b) != text {
			t.Errorf("a file of something else was changed")
		}
	}
	if _, _, err := opens(filepath.Join(path, "x")); err == nil {
		t.Error("a path within a file opens")
	}
}

func TestJournalThatCannotBeWrittenTakesNothingMore(t *testing.T) {
	s, _ := testServer(t, nil)
	v := s.service.Load()
	v.journal.file.Close()
	for range 2 {
		w := ask(t, s, "PUT", "/v1/images?id=x", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`))
		if w.Code != 503 || !strings.Contains(w.Body.String(), "writes are refused") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if v.store.Len() != 4 {
		t.Error("a write that failed is in the gallery")
	}
	if w := ask(t, s, "GET", "/v1/neighbours?id=warm/red", "", nil); w.Code != 200 {
		t.Errorf("reading then: %d", w.Code)
	}
}

func FuzzJournal(f *testing.F) {
	file, _ := filled(f)
	f.Add(file)
	f.Add(file[:journalHeader])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		first, _, err := opens(path)
		if err != nil {
			return
		}
		if again, r, err := opens(path); err != nil || r.Torn != 0 || !cmp.Equal(first, again, same) {
			t.Errorf("opened again: %v, %+v", err, r)
		}
	})
}
