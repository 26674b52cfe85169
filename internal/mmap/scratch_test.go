package mmap

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestScratchKeepsWhatIsWritten(t *testing.T) {
	dir := t.TempDir()
	x, free, err := Scratch(dir, 100_000)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("files cannot be mapped here")
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(x) != 100_000 || slices.Max(x) != 0 || slices.Min(x) != 0 {
		t.Errorf("%d values, from %g to %g; want 100000 of 0", len(x), slices.Min(x), slices.Max(x))
	}
	for i := range x {
		x[i] = float32(i)
	}
	for i, v := range x {
		if v != float32(i) {
			t.Fatalf("value %d is %g", i, v)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind are %v, error %v", left, err)
	}
	if err := free(); err != nil {
		t.Error(err)
	}
	if _, _, err := Scratch(filepath.Join(dir, "nowhere"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
