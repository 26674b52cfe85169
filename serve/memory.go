package serve

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Memory is a gallery in memory, searched exactly by the cosine. Goroutines may
// share it.
type Memory struct {
	mu    sync.RWMutex
	rows  nearest.Rows // of unit length
	ids   []string
	class []string
	at    map[string]int // row of an id
	pool  *pool.Pool
}

// NewMemory holds the features, which need ids of their own. A class is the name
// of its label, "" for none. The caller closes it.
func NewMemory(f *eval.Features) (*Memory, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if f.IDs == nil {
		return nil, fmt.Errorf("the images of %s have no ids", f.Set.Data)
	}
	p := pool.New(0)
	m := &Memory{
		rows: nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: slices.Clip(f.Data)}),
		ids:  slices.Clone(f.IDs), class: make([]string, f.N), at: make(map[string]int, f.N), pool: p,
	}
	for i, id := range f.IDs {
		if first, ok := m.at[id]; ok {
			p.Close()
			return nil, fmt.Errorf("images %d and %d of %s have the same id %q", first, i, f.Set.Data, id)
		}
		m.at[id] = i
		if f.Labels != nil && f.Labels[i] >= 0 && f.Labels[i] < len(f.Classes) {
			m.class[i] = f.Classes[f.Labels[i]]
		}
	}
	return m, nil
}

// Close frees the goroutines that search.
func (m *Memory) Close() { m.pool.Close() }

// Len is the number of images.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.rows.N
}

// Dim is the number of values of an embedding.
func (m *Memory) Dim() int { return m.rows.D }

// Vector is the embedding of an image, of unit length, and its class.
func (m *Memory) Vector(id string) (vector []float32, class string, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i, ok := m.at[id]
	if !ok {
		return nil, "", false
	}
	return slices.Clone(m.row(i)), m.class[i], true
}

func (m *Memory) row(i int) []float32 { return m.rows.Data[i*m.rows.D : (i+1)*m.rows.D] }

// Put adds an image, or replaces the one of that id, and says whether there was one.
func (m *Memory) Put(id, class string, vector []float32) (replaced bool) {
	unit := unitOf(vector)
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.at[id]; ok {
		copy(m.row(i), unit)
		m.class[i] = class
		return true
	}
	m.at[id] = m.rows.N
	m.ids, m.class = append(m.ids, id), append(m.class, class)
	m.rows.Data = append(m.rows.Data, unit...)
	m.rows.N++
	return false
}

// Delete removes the image of that id, and says whether there was one. The last
// row takes its place.
func (m *Memory) Delete(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.at[id]
	if !ok {
		return false
	}
	last := m.rows.N - 1
	copy(m.row(i), m.row(last))
	m.ids[i], m.class[i] = m.ids[last], m.class[last]
	m.at[m.ids[i]] = i
	delete(m.at, id)
	m.ids, m.class = m.ids[:last], m.class[:last]
	m.rows.Data, m.rows.N = m.rows.Data[:last*m.rows.D], last
	return true
}

// Search answers queries together: one pass over the gallery serves all without
// a class, and one over its images each class that is asked for.
func (m *Memory) Search(ctx context.Context, queries []Query) ([][]Hit, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	groups := map[string][]int{}
	for i, q := range queries {
		groups[q.Class] = append(groups[q.Class], i)
	}
	hits := make([][]Hit, len(queries))
	for class, members := range groups {
		if err := m.searchClass(ctx, class, queries, members, hits); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

// searchClass answers the queries with these indices among a class, or among all
// images if it is "".
func (m *Memory) searchClass(ctx context.Context, class string, queries []Query, members []int, hits [][]Hit) error {
	bank, rowOf := m.rows, func(i int) int { return i }
	if class != "" {
		var rows []int
		bank = nearest.Rows{D: m.rows.D}
		for i, c := range m.class {
			if c == class {
				rows, bank.Data = append(rows, i), append(bank.Data, m.row(i)...)
			}
		}
		bank.N, rowOf = len(rows), func(i int) int { return rows[i] }
	}
	if bank.N == 0 {
		return nil
	}
	q, k := nearest.Rows{N: len(members), D: bank.D}, 0
	for _, i := range members {
		q.Data, k = append(q.Data, unitOf(queries[i].Vector)...), max(k, queries[i].K)
	}
	o := nearest.Options{K: min(k, bank.N), Pool: m.pool, Level: cpu.Detect()}
	return nearest.Search(ctx, o, q, bank, func(query int, near []nearest.Neighbour) {
		i := members[query]
		for _, n := range near[:min(len(near), queries[i].K)] {
			row := rowOf(n.Index)
			hits[i] = append(hits[i], Hit{m.ids[row], m.class[row], n.Similarity})
		}
	})
}

// unitOf is the vector scaled to length 1; a vector of zeros stays.
func unitOf(vector []float32) []float32 {
	return slices.Clone(nearest.Unit(nil, nearest.Rows{N: 1, D: len(vector), Data: vector}).Data)
}
