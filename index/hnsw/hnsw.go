// Package hnsw finds near neighbours by walking a hierarchical navigable small world graph
// (Malkov and Yashunin 2018, arXiv:1603.09320): most of the nearest, at a small part of the
// cost of looking at all.
//
// The graph is built in batches. The nodes of a batch are searched for in the graph of those
// before, side by side, and compared among each other exactly; then all links are made, in
// the order of the rows. So the graph does not depend on the number of workers.
package hnsw

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/rng"
)

// Space says how similar rows are. Goroutines may share it.
type Space interface {
	// Len is the number of rows.
	Len() int
	// To returns what writes to dst[i] the similarity of row to rows[i].
	To(row int) Score
}

// Score writes to dst[i] the similarity of something to row rows[i].
type Score func(dst []float32, rows []uint32)

// Params are a graph's.
type Params struct {
	// M is the number of links that a node makes in each layer; in the lowest it may have
	// 2 M, by those that others make. The authors use 5 to 48.
	M int `json:"m"`
	// EfConstruction is the effort (ef) of the searches that find whom to link to.
	EfConstruction int    `json:"ef_construction"`
	Seed           uint64 `json:"seed"`
}

// Defaults are those of most implementations.
func Defaults() Params { return Params{M: 16, EfConstruction: 128, Seed: 1} }

// Validate checks the ranges.
func (p Params) Validate() error {
	var errs []error
	if p.M < 2 || p.M > 128 {
		errs = append(errs, fmt.Errorf("m %d: must be 2 to 128", p.M))
	}
	if p.EfConstruction < p.M || p.EfConstruction > 10_000 {
		errs = append(errs, fmt.Errorf("ef_construction %d: must be %d (m) to 10000", p.EfConstruction, p.M))
	}
	return errors.Join(errs...)
}

// Graph links each row to others that are near it. It never changes once it is built, so
// goroutines may share it.
type Graph struct {
	Params
	n      int
	entry  uint32 // a node of the highest layer
	levels []uint8
	lowest []uint32 // [n, 1+2M]: of each node its number of links, then those
	// upper holds the links in layer l ≥ 1 of a node with that many layers at
	// upper[at[node]+(l-1)(1+M):], in the same form.
	upper []uint32
	at    []uint32
	twins map[uint32][]uint32 // the rows that equal one of the nodes
}

// Len is the number of rows.
func (g *Graph) Len() int { return g.n }

// top is the highest layer.
func (g *Graph) top() int { return int(g.levels[g.entry]) }

// links are the nodes that a node is linked to in a layer, not a copy.
func (g *Graph) links(layer int, node uint32) []uint32 {
	if layer == 0 {
		l := g.lowest[int(node)*(1+2*g.M):]
		return l[1 : 1+l[0]]
	}
	l := g.upper[int(g.at[node])+(layer-1)*(1+g.M):]
	return l[1 : 1+l[0]]
}

// setLinks replaces the links of a node in a layer.
func (g *Graph) setLinks(layer int, node uint32, to []uint32) {
	l := g.lowest[int(node)*(1+2*g.M):]
	if layer > 0 {
		l = g.upper[int(g.at[node])+(layer-1)*(1+g.M):]
	}
	l[0] = uint32(len(to))
	copy(l[1:], to)
}

// capacity is how many links a node may have in a layer.
func (g *Graph) capacity(layer int) int {
	if layer == 0 {
		return 2 * g.M
	}
	return g.M
}

// setTwins notes which rows equal a node.
func (g *Graph) setTwins(same []uint32) {
	g.twins = map[uint32][]uint32{}
	for i, first := range same {
		if first != uint32(i) {
			g.twins[first] = append(g.twins[first], uint32(i))
		}
	}
}

// HasTwins says whether other rows equal a node.
func (g *Graph) HasTwins(row int) bool { return len(g.twins[uint32(row)]) > 0 }

// maxLevel bounds the number of layers.
const maxLevel = 30

// newGraph draws the layers of n nodes: node i is in those up to ⌊-ln(u) / ln(M)⌋, u uniform.
func newGraph(n int, p Params) *Graph {
	g := &Graph{Params: p, n: n, levels: make([]uint8, n), at: make([]uint32, n), lowest: make([]uint32, n*(1+2*p.M))}
	stream := rng.New()
	size := 0
	for i := range n {
		stream.Reset(rng.Level, p.Seed, uint64(i))
		level := math.Floor(-math.Log(1-stream.Float64()) / math.Log(float64(p.M)))
		g.levels[i] = uint8(min(level, maxLevel))
		g.at[i] = uint32(size)
		size += int(g.levels[i]) * (1 + p.M)
	}
	g.upper = make([]uint32, size)
	return g
}
