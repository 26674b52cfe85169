// Package index searches embeddings by cosine similarity: exactly, in memory or in a
// file that is mapped, and while they change.
package index

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/mmap"
)

// Index holds vectors of unit length, each with an entry. It never changes, so
// goroutines may share it; Store is one that does.
type Index struct {
	// About says what the vectors are; of an index that was not opened from a
	// directory only Count and Dim.
	About About

	rows    nearest.Rows
	entries []Entry
	byID    func() map[string]int
	mapped  []byte // the file of the vectors, where it is mapped
}

// New returns an index of the gallery's embeddings, which need not have unit
// length. It copies them: 4 N D bytes. A row of zeros has similarity 0 to all.
func New(gallery *eval.Features) (*Index, error) {
	if err := gallery.Validate(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	p := pool.New(0)
	defer p.Close()
	return newIndex(About{Layer: gallery.Layer, Count: gallery.N, Dim: gallery.D}, unit(p, gallery), entriesOf(gallery)), nil
}

func newIndex(a About, rows nearest.Rows, entries []Entry) *Index {
	x := &Index{About: a, rows: rows, entries: entries}
	x.byID = sync.OnceValue(func() map[string]int {
		rows := make(map[string]int, len(entries))
		for i, e := range entries {
			rows[e.ID] = i
		}
		return rows
	})
	return x
}

// Close frees what is mapped; the index is of no use afterwards.
func (x *Index) Close() error {
	if x.mapped == nil {
		return nil
	}
	mapped := x.mapped
	x.mapped, x.rows = nil, nearest.Rows{D: x.rows.D}
	return mmap.Free(mapped)
}

// Len is the number of entries.
func (x *Index) Len() int { return len(x.entries) }

// Entries are what the rows are of, not a copy.
func (x *Index) Entries() []Entry { return x.entries }

// Entry is what row i is of.
func (x *Index) Entry(i int) Entry { return x.entries[i] }

// Vector is row i, of unit length, not a copy.
func (x *Index) Vector(i int) []float32 { return x.rows.Data[i*x.rows.D:][:x.rows.D:x.rows.D] }

// Find returns the row of the entry with that ID.
func (x *Index) Find(id string) (row int, ok bool) {
	row, ok = x.byID()[id]
	return row, ok
}

// Search returns for each query its k most similar entries, the most similar
// first; of equally similar ones the lower row comes first. An index of fewer is
// returned whole. Time O(Q N D).
func (x *Index) Search(ctx context.Context, queries *eval.Features, k int) ([][]Hit, error) {
	return x.SearchWhere(ctx, queries, k, Filter{})
}

// SearchWhere is Search among the entries that pass the filter.
func (x *Index) SearchWhere(ctx context.Context, queries *eval.Features, k int, f Filter) ([][]Hit, error) {
	return x.search(ctx, queries, k, f, nil)
}

// search leaves out the rows that are gone, too.
func (x *Index) search(ctx context.Context, queries *eval.Features, k int, f Filter, gone []bool) ([][]Hit, error) {
	if err := queries.Validate(); err != nil {
		return nil, fmt.Errorf("search: queries: %w", err)
	}
	if queries.D != x.rows.D {
		return nil, fmt.Errorf("search: the queries' embeddings have %d values, the index's %d: they come from different models or layers", queries.D, x.rows.D)
	}
	if k < 1 {
		return nil, errors.New("search: k must be at least 1")
	}
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	hits := make([][]Hit, queries.N)
	if x.rows.N == 0 {
		return hits, nil
	}
	p := pool.New(0)
	defer p.Close()
	o := nearest.Options{K: min(k, x.rows.N), Without: f.without(x.entries, gone), Pool: p, Level: cpu.Detect()}
	err := nearest.Search(ctx, o, unit(p, queries), x.rows, func(query int, near []nearest.Neighbour) {
		hits[query] = make([]Hit, len(near))
		for i, n := range near {
			hits[query][i] = hit(x.entries, n)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return hits, nil
}

func hit(entries []Entry, n nearest.Neighbour) Hit {
	e := &entries[n.Index]
	return Hit{Index: n.Index, ID: e.ID, Class: e.Class, Path: e.Path, Similarity: n.Similarity}
}

func unit(p *pool.Pool, f *eval.Features) nearest.Rows {
	return nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
}
