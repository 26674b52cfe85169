package index

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"alike/index/hnsw"
	"alike/internal/atomicfile"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/dot"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// Graph is what an index knows of its graph, by which approximate searches go.
type Graph struct {
	hnsw.Params
	File    File     `json:"file"`
	K       int      `json:"k"`      // recall@k is measured
	Sample  int      `json:"sample"` // with so many of the vectors as queries, each looked for among the others
	Efforts []Effort `json:"efforts"`
}

// Effort is what a search with an effort finds.
type Effort struct {
	Ef      int     `json:"ef"`
	Recall  float64 `json:"recall"`  // share of the k nearest that are found
	Visited int     `json:"visited"` // vectors that a search looks at, on average
}

// effortFor is the least effort that reaches a recall.
func (g *Graph) effortFor(recall float64) (int, error) {
	best := 0.0
	for _, e := range g.Efforts {
		if e.Recall >= recall {
			return e.Ef, nil
		}
		best = max(best, e.Recall)
	}
	return 0, fmt.Errorf("the graph reaches a recall@%d of %.4f, not %g; build it with a larger m, or search exactly", g.K, best, recall)
}

// efforts are those that are measured, up to the first that finds nearly everything.
var efforts = []int{10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512}

const (
	sampleSize = 1000
	recallAt   = 10
)

// approximate is what an approximate search needs.
type approximate struct {
	graph     *hnsw.Graph
	codes     *codes
	effort    int // for recallAt neighbours
	searchers chan *hnsw.Searcher
}

// BuildGraph builds a graph over the index in dir, measures it, and writes it there, unless other
// vectors have been written there meanwhile.
func BuildGraph(ctx context.Context, dir string, params hnsw.Params, progress func(done int)) (*Graph, error) {
	x, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	if x.encoded != nil {
		return nil, fmt.Errorf("the vectors of %s are %s; a graph is built over float32", dir, x.About.Encoding)
	}
	p := pool.New(0)
	defer p.Close()
	c := encode(p, x.rows)
	g, err := hnsw.Build(ctx, p, c, amongRows(p, x.rows), x.firstEqual(), params, progress)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", dir, err)
	}
	about := &Graph{Params: params, K: recallAt}
	if err := x.measure(ctx, p, about, approximate{graph: g, codes: c}); err != nil {
		return nil, err
	}
	file := g.Encode()
	sum := sha256.Sum256(file)
	about.File = File{Bytes: int64(len(file)), SHA256: hex.EncodeToString(sum[:])}
	about.File.Name = fmt.Sprintf("graph-%d-%.8s.hnsw", x.About.Generation, about.File.SHA256)
	lock, err := take(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	a, err := x.current()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Write(filepath.Join(dir, about.File.Name), file); err != nil {
		return nil, err
	}
	a.Graph = about
	if err := writeAbout(dir, a); err != nil {
		return nil, err
	}
	return about, sweep(dir, a)
}

// firstEqual says of each row which is the first of the same values.
func (x *Index) firstEqual() []uint32 {
	first, same := map[[sha256.Size]byte]uint32{}, make([]uint32, x.Len())
	for i := range same {
		h := sha256.Sum256(bytesOf(x.Vector(i)))
		if _, ok := first[h]; !ok {
			first[h] = uint32(i)
		}
		same[i] = first[h]
	}
	return same
}

// measure fills in the recall of each effort. A query is a vector of the index, for which
// search and graph behave as if it were not there. A vector found is right if it is as
// similar as the k-th nearest.
func (x *Index) measure(ctx context.Context, p *pool.Pool, about *Graph, a approximate) error {
	sample := rng.New(rng.Split, about.Seed).Perm(x.Len())[:min(sampleSize, x.Len())]
	about.Sample = len(sample)
	k := min(recallAt, x.Len()-1)
	if k == 0 {
		about.Efforts = []Effort{{Ef: efforts[0], Recall: 1, Visited: 1}}
		return nil
	}
	queries := nearest.Rows{N: len(sample), D: x.rows.D}
	for _, i := range sample {
		queries.Data = append(queries.Data, x.Vector(i)...)
	}
	floor := make([]float32, len(sample)) // the k-th similarity, but for rounding
	err := nearest.Search(ctx, nearest.Options{K: k + 1, Pool: p, Level: cpu.Detect()}, queries, x.rows, func(q int, near []nearest.Neighbour) {
		near = slices.DeleteFunc(slices.Clone(near), func(n nearest.Neighbour) bool { return n.Index == sample[q] })
		floor[q] = near[k-1].Similarity - 1e-6
	})
	if err != nil {
		return err
	}
	for _, ef := range efforts {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a.effort = ef
		found, visited := make([]int, len(sample)), make([]int, len(sample))
		a.searchers = make(chan *hnsw.Searcher, p.Workers())
		p.Run(len(sample), func(q int) {
			for _, n := range a.search(x, queries.Data[q*x.rows.D:][:x.rows.D], k, 1, sample[q], &visited[q]) {
				if n.Similarity >= floor[q] {
					found[q]++
				}
			}
		})
		e := Effort{Ef: ef}
		right := 0
		for q := range sample {
			right += found[q]
			e.Visited += visited[q]
		}
		e.Recall, e.Visited = float64(right)/float64(k*len(sample)), e.Visited/len(sample)
		about.Efforts = append(about.Efforts, e)
		if e.Recall >= 0.9999 {
			break
		}
	}
	return nil
}

// Approximate makes searches go by the graph, with the least effort whose measured recall is
// at least that; 0 makes them exact again. It takes D+4 bytes of memory a vector beside the
// graph. Searches with a filter stay exact. It must not be called during a search.
func (x *Index) Approximate(recall float64) error {
	if recall == 0 {
		return x.SetEffort(0)
	}
	if !(recall > 0 && recall <= 1) {
		return fmt.Errorf("recall %g: must be above 0 and at most 1", recall)
	}
	if x.About.Graph == nil {
		return errNoGraph
	}
	ef, err := x.About.Graph.effortFor(recall)
	if err != nil {
		return err
	}
	return x.SetEffort(ef)
}

var errNoGraph = errors.New("the index has no graph; 'alike index build' makes one")

// SetEffort is Approximate by the effort for 10 neighbours; a search for more takes
// proportionally more.
func (x *Index) SetEffort(ef int) error {
	switch {
	case ef == 0:
		x.approximate = nil
		return nil
	case x.approximate != nil:
		x.approximate.effort = ef
		return nil
	case x.About.Graph == nil:
		return errNoGraph
	}
	g := x.About.Graph
	b, _, err := readFile(x.dir, g.File, false)
	if err != nil {
		return err
	}
	graph, err := hnsw.Read(bytes.NewReader(b), x.Len())
	if err != nil {
		return fmt.Errorf("the index %s is %w: %s: %w; build it again", x.dir, ErrDamaged, g.File.Name, err)
	}
	p := pool.New(0)
	defer p.Close()
	x.approximate = &approximate{graph, encode(p, x.rows), ef, make(chan *hnsw.Searcher, 64)}
	return nil
}

// Effort is the effort of approximate searches, 0 if searches are exact.
func (x *Index) Effort() int {
	if x.approximate == nil {
		return 0
	}
	return x.approximate.effort
}

// search returns the k best that a walk finds for a query of unit length. It goes by the codes;
// what it finds is compared exactly. more is by how much the effort is to be raised since
// some of what is found is of no use.
func (a *approximate) search(x *Index, query []float32, k int, more float64, without int, visited *int) []hnsw.Near {
	s := a.searcher()
	ef := int(float64(max(a.effort, a.effort*k/recallAt))*more + 0.5)
	before, skip := s.Visited, without
	if without >= 0 && a.graph.HasTwins(without) { // it stands for those that equal it
		skip = -1
	}
	near := s.Search(nil, a.codes.of(query), max(ef, k), skip)
	if visited != nil {
		*visited = s.Visited - before
	}
	a.give(s)
	near = slices.DeleteFunc(near, func(n hnsw.Near) bool { return n.Row == without })
	rows, exact := make([]uint32, len(near)), make([]float32, len(near))
	for i, n := range near {
		rows[i] = uint32(n.Row)
	}
	dot.Floats(a.codes.level, exact, query, x.rows.Data, rows)
	for i := range near {
		near[i].Similarity = exact[i]
	}
	slices.SortFunc(near, func(p, q hnsw.Near) int {
		return cmp.Or(cmp.Compare(q.Similarity, p.Similarity), cmp.Compare(p.Row, q.Row))
	})
	if more > 1 {
		return near // the caller chooses
	}
	return near[:min(k, len(near))]
}

// searcher lends a searcher.
func (a *approximate) searcher() *hnsw.Searcher {
	select {
	case s := <-a.searchers:
		return s
	default:
		return a.graph.NewSearcher()
	}
}

func (a *approximate) give(s *hnsw.Searcher) {
	select {
	case a.searchers <- s:
	default:
	}
}

// walk answers queries of unit length by the graph, without the rows that are gone; false if
// it found too few, so that all rows have to be looked at.
func (x *Index) walk(ctx context.Context, p *pool.Pool, queries nearest.Rows, k int, gone []bool) ([][]Hit, bool, error) {
	left := x.Len()
	for _, g := range gone {
		if g {
			left--
		}
	}
	more := float64(x.Len()) / float64(max(left, 1))
	if more > 2 {
		return nil, false, nil
	}
	hits := make([][]Hit, queries.N)
	p.Run(queries.N, func(q int) {
		if ctx.Err() != nil {
			return
		}
		for _, n := range x.approximate.search(x, queries.Data[q*queries.D:][:queries.D], k, more, -1, nil) {
			if (gone == nil || !gone[n.Row]) && len(hits[q]) < k {
				hits[q] = append(hits[q], hit(x.entries, nearest.Neighbour{Index: n.Row, Similarity: n.Similarity}))
			}
		}
	})
	if ctx.Err() != nil {
		return nil, false, fmt.Errorf("search: %w", context.Cause(ctx))
	}
	tooFew := slices.ContainsFunc(hits, func(h []Hit) bool { return len(h) < min(k, left) })
	return hits, !tooFew, nil
}
