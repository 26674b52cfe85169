package hnsw

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"alike/internal/kernel/pool"
)

// plain is a space of float rows, by plain loops.
type plain struct {
	d    int
	rows []float32
}

func (p plain) Len() int { return len(p.rows) / p.d }

func (p plain) row(i int) []float32 { return p.rows[i*p.d : (i+1)*p.d] }

func (p plain) To(row int) Score { return p.of(p.row(row)) }

func (p plain) of(query []float32) Score {
	return func(dst []float32, rows []uint32) {
		for i, r := range rows {
			dst[i] = 0
			for k, v := range p.row(int(r)) {
				dst[i] += query[k] * v
			}
		}
	}
}

func (p plain) nearest(query Score, k int) []Near {
	n := p.Len()
	rows, scores := make([]uint32, n), make([]float32, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	query(scores, rows)
	var near []Near
	for i, s := range scores {
		near = append(near, Near{i, s})
	}
	sortNear(near)
	return near[:min(k, len(near))]
}

func (p plain) among(_ context.Context, rows []uint32, k int, visit func(int, []Near)) error {
	for i, r := range rows {
		scores := make([]float32, len(rows))
		p.To(int(r))(scores, rows)
		var near []Near
		for j, s := range scores {
			if j != i {
				near = append(near, Near{int(rows[j]), s})
			}
		}
		sortNear(near)
		visit(i, near[:min(k, len(near))])
	}
	return nil
}

// clustered draws rows of unit length around centres.
func clustered(n, d, centres int, seed uint64) plain {
	r := rand.New(rand.NewPCG(seed, 0))
	centre := make([]float64, centres*d)
	for i := range centre {
		centre[i] = r.NormFloat64()
	}
	p := plain{d, make([]float32, n*d)}
	for i := range n {
		sum := 0.0
		c := centre[r.IntN(centres)*d:]
		for k := range d {
			v := c[k] + 0.7*r.NormFloat64()
			p.rows[i*d+k], sum = float32(v), sum+v*v
		}
		for k := range d {
			p.rows[i*d+k] /= float32(math.Sqrt(sum))
		}
	}
	return p
}

func built(t testing.TB, p plain, same []uint32, params Params, workers int) *Graph {
	t.Helper()
	pl := pool.New(workers)
	defer pl.Close()
	g, err := build(t.Context(), pl, p, p.among, same, params, 200, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestRecall compares walks with looking at all rows; more effort finds more.
func TestRecall(t *testing.T) {
	p := clustered(3000, 16, 40, 1)
	g := built(t, p, nil, Params{M: 12, EfConstruction: 80, Seed: 1}, 2)
	queries := clustered(100, 16, 40, 2)
	s := g.NewSearcher()
	last := 0.0
	for _, tc := range []struct {
		ef   int
		want float64
	}{{10, 0.7}, {40, 0.9}, {200, 0.99}, {3000, 0.999}} {
		found := 0
		for i := range queries.Len() {
			q := p.of(queries.row(i))
			near := s.Search(nil, q, tc.ef, -1)
			for _, want := range p.nearest(q, 10) {
				if slices.Contains(near[:min(10, len(near))], want) {
					found++
				}
			}
		}
		recall := float64(found) / float64(10*queries.Len())
		if recall < tc.want || recall < last {
			t.Errorf("ef %d: recall %g, want %g, and at least %g as before", tc.ef, recall, tc.want, last)
		}
		last = recall
	}
}

// TestGraphIsSound checks what every walk relies on.
func TestGraphIsSound(t *testing.T) {
	for _, n := range []int{1, 2, 3, 50, 2500} {
		p := clustered(n, 8, 10, 3)
		same := make([]uint32, n)
		for i := range same {
			same[i] = uint32(i)
		}
		for i := n - n/4; i < n; i++ { // copies
			copy(p.row(i), p.row(n/2))
			same[i] = uint32(n / 2)
		}
		g := built(t, p, same, Params{M: 4, EfConstruction: 20, Seed: 2}, 2)
		for layer := g.top(); layer >= 0; layer-- {
			members := 0
			for i := range uint32(n) {
				if int(g.levels[i]) < layer || same[i] != i {
					continue
				}
				members++
				links := g.links(layer, i)
				if len(links) > g.capacity(layer) {
					t.Fatalf("n=%d: %d links in layer %d", n, len(links), layer)
				}
				for j, l := range links {
					if l == i || int(l) >= n || int(g.levels[l]) < layer || same[l] != l || slices.Contains(links[:j], l) {
						t.Fatalf("n=%d: node %d in layer %d links to %v", n, i, layer, links)
					}
				}
			}
			if layer == 0 && members != n-n/4 {
				t.Errorf("n=%d: %d members of the lowest layer", n, members)
			}
		}
		s := g.NewSearcher()
		if near := s.Search(nil, p.To(n-1), n, -1); len(near) < n*99/100 || !slices.IsSortedFunc(near, func(x, y Near) int { return int(1e6 * (y.Similarity - x.Similarity)) }) {
			t.Errorf("n=%d: a walk reaches %d nodes", n, len(near))
		}
		if n > 1 {
			for _, x := range s.Search(nil, p.To(1), n, 1) {
				if x.Row == 1 {
					t.Errorf("n=%d: found the row that it was to leave out", n)
				}
			}
		}
	}
}

func TestGraphDoesNotDependOnWorkers(t *testing.T) {
	p := clustered(2500, 8, 20, 4)
	want := built(t, p, nil, Params{M: 6, EfConstruction: 30, Seed: 3}, 1)
	for _, workers := range []int{2, 5} {
		g := built(t, p, nil, want.Params, workers)
		if !slices.Equal(g.lowest, want.lowest) || !slices.Equal(g.upper, want.upper) || g.entry != want.entry {
			t.Errorf("%d workers build another graph", workers)
		}
	}
	if g := built(t, p, nil, Params{M: 6, EfConstruction: 30, Seed: 4}, 2); slices.Equal(g.levels, want.levels) {
		t.Error("another seed draws the same layers")
	}
}

func TestBeamKeepsTheBest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		b := beam{size: 1 + r.IntN(20)}
		b.reset(b.size)
		var all []Near
		been := map[uint32]bool{}
		for i := range 60 {
			x := Near{i, float32(r.IntN(9)) - 4}
			all = append(all, x)
			b.offer(key(x.Similarity, uint32(x.Row)))
			if row, ok := b.visit(); ok {
				if been[row] {
					t.Fatalf("been at %d twice", row)
				}
				been[row] = true
			}
		}
		sortNear(all)
		for i, k := range b.keys {
			if got := (Near{int(rowOf(k)), similarityOf(k)}); got != all[i] {
				t.Fatalf("place %d of %d holds %v, want %v", i, b.size, got, all[i])
			}
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	pl := pool.New(1)
	defer pl.Close()
	p := clustered(10, 4, 2, 1)
	stopped, stop := context.WithCancelCause(t.Context())
	stop(fmt.Errorf("enough"))
	for want, f := range map[string]func() error{
		"m 1: must be":      func() error { _, err := Build(t.Context(), pl, p, p.among, nil, Params{1, 10, 1}, nil); return err },
		"ef_construction 3": func() error { _, err := Build(t.Context(), pl, p, p.among, nil, Params{4, 3, 1}, nil); return err },
		"0 rows":            func() error { _, err := Build(t.Context(), pl, plain{d: 4}, p.among, nil, Defaults(), nil); return err },
		"enough":            func() error { _, err := Build(stopped, pl, p, p.among, nil, Defaults(), nil); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestFileHoldsTheGraph also checks that no damage makes a walk panic.
func TestFileHoldsTheGraph(t *testing.T) {
	p := clustered(300, 6, 5, 5)
	same := make([]uint32, 300)
	for i := range same {
		same[i] = uint32(i)
	}
	same[9], same[20] = 3, 3
	g := built(t, p, same, Params{M: 4, EfConstruction: 16, Seed: 6}, 2)
	file := g.Encode()
	got, err := Read(bytes.NewReader(file), 300)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), file) || got.Params != g.Params || len(got.twins[3]) != 2 {
		t.Errorf("read %+v", got.Params)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		spoilt := slices.Clone(file)
		spoilt[r.IntN(len(file))] ^= 1 << r.IntN(8)
		if r.IntN(3) == 0 {
			spoilt = spoilt[:r.IntN(len(file))]
		}
		if g, err := Read(bytes.NewReader(spoilt), 300); err == nil {
			g.NewSearcher().Search(nil, p.To(5), 20, -1)
		}
	}
	for want, f := range map[string]func([]byte){
		"no graph":         func(b []byte) { b[0] = 'x' },
		"version 2":        func(b []byte) { b[8] = 2 },
		"of 301 rows":      func(b []byte) { b[12]++ },
		"m 1: must be":     func(b []byte) { b[16] = 1 },
		"its seed draws":   func(b []byte) { b[24]++ },
		"its entry is row": func(b []byte) { b[35] = 1 },
		"links in layer 0": func(b []byte) { b[headerBytes+300] = 200 },
		"links to row":     func(b []byte) { b[headerBytes+300+6] = 1 },
	} {
		b := slices.Clone(file)
		f(b)
		if _, err := Read(bytes.NewReader(b), 300); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
