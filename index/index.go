// Package index searches embeddings by cosine similarity, exactly and in memory.
package index

import (
	"context"
	"errors"
	"fmt"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Index holds the embeddings of a gallery, normalised. It never changes, so
// goroutines may share it.
type Index struct {
	gallery nearest.Rows
	ids     []string
	labels  []int
}

// Hit is an image of the gallery that was found.
type Hit struct {
	Index      int     // its row in the gallery
	ID         string  // its name there, "" if it has none
	Label      int     // its class, -1 if it has none
	Similarity float32 // cosine, 1 for the same direction
}

// New returns an index of the gallery's embeddings, which need not have unit
// length. It copies them: 4 N D bytes. A row of zeros has similarity 0 to all.
func New(gallery *eval.Features) (*Index, error) {
	if err := gallery.Validate(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	p := pool.New(0)
	defer p.Close()
	return &Index{gallery: unit(p, gallery), ids: gallery.IDs, labels: gallery.Labels}, nil
}

// Len is the number of images in the gallery.
func (x *Index) Len() int { return x.gallery.N }

// Search returns for each query its k most similar images, the most similar
// first; of equally similar ones the lower row comes first. A gallery of fewer
// images is returned whole. Time O(Q N D).
func (x *Index) Search(ctx context.Context, queries *eval.Features, k int) ([][]Hit, error) {
	if err := queries.Validate(); err != nil {
		return nil, fmt.Errorf("search: queries: %w", err)
	}
	if queries.D != x.gallery.D {
		return nil, fmt.Errorf("search: the queries' embeddings have %d values, the index's %d: they come from different models or layers", queries.D, x.gallery.D)
	}
	if k < 1 {
		return nil, errors.New("search: k must be at least 1")
	}
	p := pool.New(0)
	defer p.Close()
	hits := make([][]Hit, queries.N)
	o := nearest.Options{K: min(k, x.gallery.N), Pool: p, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
	err := nearest.Search(ctx, o, unit(p, queries), x.gallery, func(query int, near []nearest.Neighbour) {
		hits[query] = make([]Hit, len(near))
		for i, n := range near {
			hits[query][i] = x.hit(n)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return hits, nil
}

func (x *Index) hit(n nearest.Neighbour) Hit {
	h := Hit{Index: n.Index, Label: -1, Similarity: n.Similarity}
	if x.ids != nil {
		h.ID = x.ids[n.Index]
	}
	if x.labels != nil {
		h.Label = x.labels[n.Index]
	}
	return h
}

func unit(p *pool.Pool, f *eval.Features) nearest.Rows {
	return nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
}
