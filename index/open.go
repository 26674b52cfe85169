package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"alike/internal/kernel/nearest"
	"alike/internal/mmap"
)

// Open opens an index that Write wrote. The vectors are mapped where the system can,
// so that an index may be larger than the memory. All checksums are compared: an
// error that is ErrDamaged names the file that differs. The caller closes the index.
func Open(dir string) (*Index, error) {
	a, err := ReadAbout(dir)
	if err != nil {
		return nil, err
	}
	return openAs(dir, a)
}

// openAs opens the index that was said to be in dir, or the one that has replaced it since.
func openAs(dir string, a About) (*Index, error) {
	x, err := read(dir, a)
	if err != nil {
		if now, again := ReadAbout(dir); again == nil && now.Files != a.Files {
			return read(dir, now)
		}
	}
	return x, err
}

// read reads the files of an index.
func read(dir string, a About) (*Index, error) {
	lines, _, err := readFile(dir, a.Files.Entries, false)
	if err != nil {
		return nil, err
	}
	entries, err := parseEntries(lines, a.Count)
	if err != nil {
		return nil, fmt.Errorf("the index %s is %w: %s: %w; write it again", dir, ErrDamaged, a.Files.Entries.Name, err)
	}
	vectors, mapped, err := readFile(dir, a.Files.Vectors, a.Encoding == "")
	if err != nil {
		return nil, err
	}
	if a.Encoding != "" {
		x := newIndex(a, nearest.Rows{N: a.Count, D: a.Dim}, entries)
		x.dir, x.encoded = dir, decodeFile(a.Encoding, vectors, a.Count, a.Dim)
		return x, nil
	}
	x := newIndex(a, nearest.Rows{N: a.Count, D: a.Dim, Data: floatsOf(vectors)}, entries)
	x.dir = dir
	if mapped {
		x.mapped = vectors
	}
	return x, nil
}

// readFile reads or maps a file and compares its checksum.
func readFile(dir string, file File, wantMapped bool) (b []byte, mapped bool, err error) {
	damaged := func(what string) error {
		return fmt.Errorf("the index %s is %w: %s %s; write it again", dir, ErrDamaged, file.Name, what)
	}
	f, err := os.Open(filepath.Join(dir, file.Name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, damaged("is missing")
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if info.Size() != file.Bytes {
		return nil, false, damaged(fmt.Sprintf("has %d bytes, want %d", info.Size(), file.Bytes))
	}
	if wantMapped && file.Bytes > 0 {
		if b, err = mmap.File(f, file.Bytes); err == nil {
			mapped = true
		}
	}
	if !mapped {
		if b, err = os.ReadFile(f.Name()); err != nil {
			return nil, false, err
		}
	}
	h := sha256.New()
	h.Write(b)
	if hexOf(h) == file.SHA256 {
		return b, mapped, nil
	}
	if mapped {
		err = mmap.Free(b)
	}
	return nil, false, errors.Join(damaged("has another checksum"), err)
}

// parseEntries reads the entries, one a line.
func parseEntries(lines []byte, n int) ([]Entry, error) {
	if got := bytes.Count(lines, []byte("\n")); got != n {
		return nil, fmt.Errorf("it has %d lines, want %d", got, n)
	}
	entries := make([]Entry, 0, n)
	for line := range bytes.Lines(lines) {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
