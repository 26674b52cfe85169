package embed

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"alike/index"
	"alike/index/weaviate"
)

// Output is a form of embeddings, on disk or elsewhere.
type Output struct {
	// Summary is one line for lists.
	Summary string
	// Normalized outputs hold vectors of length 1 in any case.
	Normalized bool
	// Views says whether there may be several vectors of an image.
	Views bool
	// Remote outputs are changed in place, since others use them meanwhile: what is there is
	// never replaced by vectors of another kind. They keep no order.
	Remote bool

	read  func(ctx context.Context, j Job) (*stored, error) // nil if there is nothing yet
	write func(ctx context.Context, r *work) error
}

// stored is what an output holds.
type stored struct {
	about   index.About
	views   int
	entries []index.Entry
	row     func(i int) ([]float32, error) // valid until close
	close   func() error
}

// outputs are the forms by the extension of their names.
var outputs = map[string]Output{
	".index":   {"directory that 'alike search' and 'alike serve' read; also any name without an extension", true, false, false, readIndex, writeIndex},
	".npy":     {"NumPy array, with ids and what the vectors are beside it", false, true, false, readNPY, writeNPY},
	".parquet": {"Parquet with the columns id, path, vector, label, hash", false, false, false, readParquet, writeParquet},
}

// collection is the form whose name is the address of a collection.
var collection = Output{"collection of a Weaviate server or cluster", true, false, true, readCollection, writeCollection}

// OutputOf returns the form that a name says by its extension, or by being an address.
func OutputOf(path string) (Output, error) {
	if weaviate.Is(path) {
		_, err := weaviate.ParseAddress(path)
		return collection, err
	}
	ext := filepath.Ext(filepath.Clean(path))
	if ext == "" {
		ext = ".index"
	}
	out, ok := outputs[ext]
	if !ok {
		return out, fmt.Errorf("want a name that ends in %s, or weaviate://HOST:PORT/Collection; one without an extension is an index", strings.Join(slices.Sorted(maps.Keys(outputs)), ", "))
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
	if now, old := j.About.Model.Seed, s.about.Model.Seed; j.Views > 0 && now != old {
		return fmt.Sprintf("views of seed %d, not %d", now, old)
	}
	return ""
}

func readIndex(_ context.Context, j Job) (*stored, error) {
	if !index.Is(j.Out) {
		return nil, nil
	}
	x, err := index.Open(j.Out)
	if err != nil {
		return nil, err
	}
	return &stored{x.About, 0, x.Entries(), func(i int) ([]float32, error) { return x.Vector(i), nil }, x.Close}, nil
}

func writeIndex(_ context.Context, r *work) error { return index.Write(r.Out, r.About, r.rows) }
