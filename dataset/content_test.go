package dataset

import (
	"os"
	"path/filepath"
	"testing"
)

// The hash of an image file is that of its bytes, wherever the file is; that of
// generated images is of their pixels.
func TestContentHash(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/1.png", "a/2.png", "b/3.png"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		file := pngFile(t, 4, 9)
		if name == "b/3.png" {
			file = append(file, 0) // after the image's end: the pixels are the same
		}
		if err := os.WriteFile(filepath.Join(dir, name), file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), dir, Options{Unchecked: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Split(All)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for i := range d.Len() {
		h, err := ContentHash(Subset(d, "part", []int{i}), 0)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	if hashes[0] != hashes[1] || hashes[0] == hashes[2] || len(hashes[0]) != 64 {
		t.Errorf("hashes %v", hashes)
	}
	if got, want := Path(d, 2), filepath.Join(dir, "b", "3.png"); got != want {
		t.Errorf("path %s, want %s", got, want)
	}
	m := &Memory{Images: []Image{{1, 2, make([]uint8, 6)}, {2, 1, make([]uint8, 6)}}}
	first, err := ContentHash(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := ContentHash(m, 1); err != nil || first == second {
		t.Errorf("images of other sizes have the same hash %s, %v", second, err)
	}
	if Path(m, 0) != "" {
		t.Error("an image in memory has a path")
	}
}
