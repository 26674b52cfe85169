package embed

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"alike/index"
)

// Output is a form of embeddings on disk.
type Output struct {
	// Summary is one line for lists.
	Summary string
	// Normalized outputs hold vectors of length 1 in any case.
	Normalized bool
	// Views says whether there may be several vectors of an image.
	Views bool

	read  func(path string) (*stored, error) // nil if there is nothing yet
	write func(j Job, rows index.Rows) error
}

// stored is what an output holds.
type stored struct {
	about   index.About
	views   int
	entries []index.Entry
	row     func(i int) []float32 // valid until close
	close   func() error
}

// outputs are the forms by the extension of their names.
var outputs = map[string]Output{
	".index":   {"directory that 'alike search' and 'alike serve' read; also any name without an extension", true, false, readIndex, writeIndex},
	".npy":     {"NumPy array, with ids and what the vectors are beside it", false, true, readNPY, writeNPY},
	".parquet": {"Parquet with the columns id, path, vector, label, hash", false, false, readParquet, writeParquet},
}

// OutputOf returns the form that a name says by its extension.
func OutputOf(path string) (Output, error) {
	ext := filepath.Ext(filepath.Clean(path))
	if ext == "" {
		ext = ".index"
	}
	out, ok := outputs[ext]
	if !ok {
		return out, fmt.Errorf("want a name that ends in %s; one without an extension is an index", strings.Join(slices.Sorted(maps.Keys(outputs)), ", "))
	}
	return out, nil
}

// difference says why vectors made one way cannot stand beside those made another; "" if they can.
func difference(j Job, s *stored) string {
	if why := j.About.Unlike(s.about); why != "" {
		return why
	}
	for _, f := range []struct {
		what     string
		now, old any
	}{
		{"views", j.Views, s.views},
		{"normalised", j.About.Normalized, s.about.Normalized},
		{"engine", j.About.Model.Engine, s.about.Model.Engine},
	} {
		if f.now != f.old {
			return fmt.Sprintf("%s %v, not %v", f.what, f.now, f.old)
		}
	}
	return ""
}

func readIndex(dir string) (*stored, error) {
	if !index.Is(dir) {
		return nil, nil
	}
	x, err := index.Open(dir)
	if err != nil {
		return nil, err
	}
	return &stored{x.About, 0, x.Entries(), x.Vector, x.Close}, nil
}

func writeIndex(j Job, rows index.Rows) error { return index.Write(j.Out, j.About, rows) }
