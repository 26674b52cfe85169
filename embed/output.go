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

	read  func(path string) (*stored, error) // nil if there is nothing yet
	write func(path string, a index.About, rows index.Rows) error
}

// stored is what an output holds.
type stored struct {
	about   index.About
	entries []index.Entry
	row     func(i int) []float32 // valid until close
	close   func() error
}

// outputs are the forms by the extension of their names.
var outputs = map[string]Output{
	".index":   {"directory that 'alike search' and 'alike serve' read; also any name without an extension", true, readIndex, index.Write},
	".npy":     {"NumPy array, with ids and what the vectors are beside it", false, readNPY, writeNPY},
	".parquet": {"Parquet with the columns id, path, vector, label, hash", false, readParquet, writeParquet},
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
func difference(now, old index.About) string {
	for _, f := range []struct {
		what     string
		now, old any
	}{
		{"weights", now.Model.WeightsSHA256, old.Model.WeightsSHA256},
		{"layer", now.Layer, old.Layer},
		{"number of values", now.Dim, old.Dim},
		{"size of images", now.Size, old.Size},
		{"normalisation", now.Normalized, old.Normalized},
		{"engine", now.Model.Engine, old.Model.Engine},
	} {
		if f.now != f.old {
			return fmt.Sprintf("its %s is %.12v, now it is %.12v", f.what, f.old, f.now)
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
	return &stored{x.About, x.Entries(), x.Vector, x.Close}, nil
}
