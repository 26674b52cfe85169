package hnsw

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"alike/internal/kernel/pool"
)

// perBatch is the number of nodes that are added at once.
const perBatch = 2048

// Among finds the most similar rows among those of a batch, exactly: it calls visit once for
// each rows[i], from several goroutines, with at most k others of them, best first.
type Among func(ctx context.Context, rows []uint32, k int, visit func(i int, near []Near)) error

// Build builds a graph of all rows of a space. progress, if set, is told how many are in it.
//
// same says of each row which is the first that equals it; nil if all differ. Only the first
// is linked, and a walk that finds it finds the others: linked like others, many copies of one
// row would know only each other.
func Build(ctx context.Context, p *pool.Pool, space Space, among Among, same []uint32, params Params, progress func(done int)) (*Graph, error) {
	return build(ctx, p, space, among, same, params, perBatch, progress)
}

func build(ctx context.Context, p *pool.Pool, space Space, among Among, same []uint32, params Params, perBatch int, progress func(done int)) (*Graph, error) {
	if err := params.Validate(); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	if space.Len() < 1 || space.Len() >= 1<<31 {
		return nil, fmt.Errorf("graph: %d rows: want 1 to 2^31-1", space.Len())
	}
	b := &builder{Graph: newGraph(space.Len(), params), space: space, pool: p, among: among}
	b.searchers.New = func() any { return b.NewSearcher() }
	b.setTwins(same)
	rows := make([]uint32, 0, b.n)
	for i := range uint32(b.n) {
		if same == nil || same[i] == i {
			rows = append(rows, i)
		}
	}
	for batch := range slices.Chunk(rows, perBatch) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := b.add(ctx, batch); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(int(batch[len(batch)-1]) + 1)
		}
	}
	return b.Graph, nil
}

// builder adds batches of rows to a graph.
type builder struct {
	*Graph
	space     Space
	pool      *pool.Pool
	among     Among
	begun     bool // there are nodes to walk
	searchers sync.Pool
}

// link is one to make: from a node that is in the graph or in the batch, to one of the batch.
type link struct {
	layer    uint8
	from, to uint32
}

// add adds rows.
func (b *builder) add(ctx context.Context, rows []uint32) error {
	near := make([][]Near, len(rows))
	if err := b.among(ctx, rows, b.EfConstruction, func(i int, others []Near) { near[i] = slices.Clone(others) }); err != nil {
		return err
	}
	chosen := make([][][]uint32, len(rows)) // of each node, by layer
	b.pool.Run(len(rows), func(i int) { chosen[i] = b.choose(rows[i], near[i]) })
	var back []link
	for i, layers := range chosen {
		for layer, to := range layers {
			b.setLinks(layer, rows[i], to)
			for _, t := range to {
				back = append(back, link{uint8(layer), t, rows[i]})
			}
		}
		if !b.begun || b.levels[rows[i]] > b.levels[b.entry] {
			b.entry, b.begun = rows[i], true
		}
	}
	b.linkBack(back)
	return nil
}

// choose returns whom a node is to link to in each layer that it is in: a choice from what a
// walk through the graph finds, and from its own batch.
func (b *builder) choose(node uint32, batch []Near) [][]uint32 {
	s := b.searchers.Get().(*Searcher)
	defer b.searchers.Put(s)
	query := b.space.To(int(node))
	layers := make([][]uint32, b.levels[node]+1)
	for layer := range layers {
		var near []Near
		if b.begun && layer <= b.top() {
			s.walk(query, b.EfConstruction, layer, -1)
			for _, k := range s.beam.keys {
				near = append(near, Near{int(rowOf(k)), similarityOf(k)})
			}
		}
		for _, x := range batch {
			if int(b.levels[x.Row]) >= layer {
				near = append(near, x)
			}
		}
		sortNear(near)
		layers[layer] = b.diverse(near[:min(len(near), b.EfConstruction)], b.M)
	}
	return layers
}

// sortNear puts the most similar first, of equals the lower row.
func sortNear(near []Near) {
	slices.SortFunc(near, func(x, y Near) int {
		return cmp.Or(cmp.Compare(y.Similarity, x.Similarity), cmp.Compare(x.Row, y.Row))
	})
}

// diverse chooses at most m of rows, best first (Algorithm 4): each that is more similar to
// the node than to any chosen before. Where that leaves too few, the best of the others
// follow, so that copies of one image stay linked.
func (b *builder) diverse(near []Near, m int) []uint32 {
	rows, scores, nearest := make([]uint32, len(near)), make([]float32, len(near)), make([]float32, len(near))
	for i, x := range near {
		rows[i], nearest[i] = uint32(x.Row), float32(math.Inf(-1)) // the similarity to the most similar that is chosen
	}
	chosen := make([]uint32, 0, m)
	var others []uint32
	for i, x := range near {
		if len(chosen) == m {
			return chosen
		}
		if nearest[i] >= x.Similarity {
			others = append(others, rows[i])
			continue
		}
		chosen = append(chosen, rows[i])
		b.space.To(x.Row)(scores[i+1:], rows[i+1:])
		for j := i + 1; j < len(near); j++ {
			nearest[j] = max(nearest[j], scores[j])
		}
	}
	return append(chosen, others[:min(len(others), m-len(chosen))]...)
}

// linkBack makes the links from others to the nodes of a batch. One that would have too many
// keeps a diverse choice.
func (b *builder) linkBack(back []link) {
	slices.SortFunc(back, func(x, y link) int {
		return cmp.Or(cmp.Compare(x.layer, y.layer), cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to))
	})
	var groups [][]link
	for len(back) > 0 {
		n := 1
		for n < len(back) && back[n].layer == back[0].layer && back[n].from == back[0].from {
			n++
		}
		groups, back = append(groups, back[:n]), back[n:]
	}
	b.pool.Run(len(groups), func(i int) {
		layer, node := int(groups[i][0].layer), groups[i][0].from
		to := slices.Clone(b.links(layer, node))
		for _, l := range groups[i] {
			if !slices.Contains(to, l.to) { // both of a batch may have chosen each other
				to = append(to, l.to)
			}
		}
		if len(to) > b.capacity(layer) {
			scores := make([]float32, len(to))
			b.space.To(int(node))(scores, to)
			near := make([]Near, len(to))
			for i, t := range to {
				near[i] = Near{int(t), scores[i]}
			}
			sortNear(near)
			to = b.diverse(near, b.capacity(layer))
		}
		b.setLinks(layer, node, to)
	})
}
