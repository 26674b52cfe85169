package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"alike/eval"
	"alike/internal/kernel/nearest"
)

// Store is an index that changes: a base that does not, and over it, in memory, what
// was added and which entries of the base are gone. A search is exact at every
// moment. Goroutines may share it. It writes nothing: what has to outlive the process
// is its owner's to log, and to replay; both Add and Delete may be repeated.
type Store struct {
	mu    sync.RWMutex
	base  *Index
	gone  []bool // rows of the base
	lost  int    // how many of them are gone
	added added
}

// added is what was added, densely: row i of the vectors is that of entry i.
type added struct {
	entries []Entry
	rows    nearest.Rows
	byID    map[string]int
}

// NewStore returns a store that holds what base does. The base stays open for as long
// as the store is used.
func NewStore(base *Index) *Store {
	return &Store{base: base, gone: make([]bool, base.Len()), added: added{rows: nearest.Rows{D: base.rows.D}, byID: map[string]int{}}}
}

// Dim is the number of values of a vector.
func (s *Store) Dim() int { return s.base.rows.D }

// Len is the number of entries.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.base.Len() - s.lost + len(s.added.entries)
}

// Add adds an entry of that ID and class; one of the same ID is replaced. The vector
// need not have unit length; it is copied.
func (s *Store) Add(id, class string, vector []float32) error {
	switch {
	case id == "" || strings.ContainsAny(id, "\n\r\x00"):
		return fmt.Errorf("index: the ID %q is no line of text", id)
	case len(vector) != s.Dim():
		return fmt.Errorf("index: the vector of %s has %d values, want %d", id, len(vector), s.Dim())
	}
	v := slices.Clone(vector)
	if err := Normalize(v); err != nil {
		return fmt.Errorf("index: the vector of %s %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(id)
	s.added.add(Entry{ID: id, Class: class}, v)
	return nil
}

// Delete removes the entry of that ID and says whether there was one.
func (s *Store) Delete(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(id)
}

// Get returns the entry of that ID, and a copy of its vector.
func (s *Store) Get(id string) (e Entry, vector []float32, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, ok := s.added.byID[id]; ok {
		return s.added.entries[i], slices.Clone(s.added.vector(i)), true
	}
	if i, ok := s.base.Find(id); ok && !s.gone[i] {
		return s.base.entries[i], slices.Clone(s.base.Vector(i)), true
	}
	return Entry{}, nil, false
}

func (s *Store) remove(id string) bool {
	if i, ok := s.added.byID[id]; ok {
		s.added.remove(i)
		return true
	}
	if i, ok := s.base.Find(id); ok && !s.gone[i] {
		s.gone[i] = true
		s.lost++
		return true
	}
	return false
}

func (a *added) vector(i int) []float32 { return a.rows.Data[i*a.rows.D:][:a.rows.D] }

func (a *added) add(e Entry, v []float32) {
	a.byID[e.ID] = len(a.entries)
	a.entries = append(a.entries, e)
	a.rows.Data = append(a.rows.Data, v...)
	a.rows.N++
}

// remove puts the last row in the place of row i, so that no hole is left.
func (a *added) remove(i int) {
	last := len(a.entries) - 1
	delete(a.byID, a.entries[i].ID)
	if i < last {
		a.entries[i] = a.entries[last]
		copy(a.vector(i), a.vector(last))
		a.byID[a.entries[i].ID] = i
	}
	a.entries[last] = Entry{}
	a.entries, a.rows.N, a.rows.Data = a.entries[:last], last, a.rows.Data[:last*a.rows.D]
}

// Search returns for each query its k most similar entries, as Index.Search does.
// Index of a hit is its place in the store at that moment, and means nothing later.
func (s *Store) Search(ctx context.Context, queries *eval.Features, k int) ([][]Hit, error) {
	return s.SearchWhere(ctx, queries, k, Filter{})
}

// SearchWhere is Search among the entries that pass the filter.
func (s *Store) SearchWhere(ctx context.Context, queries *eval.Features, k int, f Filter) ([][]Hit, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	gone := s.gone
	if s.lost == 0 {
		gone = nil
	}
	hits, err := s.base.search(ctx, queries, k, f, gone)
	if err != nil {
		return nil, err
	}
	over := newIndex(About{}, s.added.rows, s.added.entries)
	more, err := over.search(ctx, queries, k, f, nil)
	if err != nil {
		return nil, err
	}
	for q := range hits {
		hits[q] = merge(hits[q], more[q], s.base.Len(), k)
	}
	return hits, nil
}

// merge joins the hits of the base and those over it, whose rows come after.
func merge(base, over []Hit, rows, k int) []Hit {
	for _, h := range over {
		h.Index += rows
		base = append(base, h)
	}
	slices.SortStableFunc(base, func(x, y Hit) int { return cmp.Compare(y.Similarity, x.Similarity) })
	return base[:min(k, len(base))]
}

// Changes calls visit with what makes the base what the store holds, while nobody changes it: the
// IDs of the base that are gone, without a vector, then what was added.
func (s *Store) Changes(visit func(id, class string, vector []float32) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, gone := range s.gone {
		if id := s.base.entries[i].ID; gone {
			if _, replaced := s.added.byID[id]; replaced {
				continue
			}
			if err := visit(id, "", nil); err != nil {
				return err
			}
		}
	}
	for i, e := range s.added.entries {
		if err := visit(e.ID, e.Class, s.added.vector(i)); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot is what a store held at a moment. It does not change with the store.
type Snapshot struct {
	base  *Index
	gone  []bool
	added added
	n     int
}

// Snapshot returns what the store holds now. It copies what was added, not the base.
func (s *Store) Snapshot() *Snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.added
	a.entries, a.rows.Data, a.byID = slices.Clone(a.entries), slices.Clone(a.rows.Data), nil
	return &Snapshot{s.base, slices.Clone(s.gone), a, s.base.Len() - s.lost + len(a.entries)}
}

// Len is the number of entries.
func (s *Snapshot) Len() int { return s.n }

// Rows calls visit with every entry and its vector, which is not a copy: those of
// the base in its order, then those that were added.
func (s *Snapshot) Rows(visit func(Entry, []float32) error) error {
	for i, e := range s.base.entries {
		if s.gone[i] {
			continue
		}
		if err := visit(e, s.base.Vector(i)); err != nil {
			return err
		}
	}
	for i, e := range s.added.entries {
		if err := visit(e, s.added.vector(i)); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the snapshot as an index, in whose About only the count, the
// generation and the hash of the data are new. dir may be the base's own, unless others
// have written to it since it was opened: see Write. The base's vectors must be float32.
func (s *Snapshot) Write(dir string) error {
	switch a := s.base.About; {
	case a.Layer == "":
		return errors.New("index: nothing is known of the vectors; open the base from a directory, or say what they are in its About")
	case a.Encoding != "":
		return fmt.Errorf("index: the vectors are %s, from which float32 cannot be got back; change the index that they came from, and quantize it again", a.Encoding)
	}
	return write(dir, s.base.About, s.Rows, nil, s.base)
}
