package hnsw

import "slices"

// Searcher walks a graph for one query after another. Goroutines must not share one.
type Searcher struct {
	g       *Graph
	seen    []uint32 // the search that has seen a row last
	search  uint32
	beam    beam
	fresh   []uint32
	scores  []float32
	Visited int // rows that the searches so far have looked at
}

// NewSearcher returns a searcher; it takes 4 bytes a row.
func (g *Graph) NewSearcher() *Searcher {
	room := max(2*g.M, 1)
	return &Searcher{g: g, seen: make([]uint32, g.n), fresh: make([]uint32, 0, room), scores: make([]float32, room)}
}

// Near is a row that was found.
type Near struct {
	Row        int
	Similarity float32
}

// Search appends to near the best rows that a walk with the effort ef finds, best first: ef at
// most, and those that equal them. It goes as if the row without were not there, -1 for none,
// unless that is where walks begin, and does not find it.
func (s *Searcher) Search(near []Near, query Score, ef, without int) []Near {
	if without == int(s.g.entry) {
		near = s.Search(near, query, ef+1, -1)
		return slices.DeleteFunc(near, func(n Near) bool { return n.Row == without })
	}
	s.walk(query, ef, 0, without)
	for _, k := range s.beam.keys {
		row, similarity := rowOf(k), similarityOf(k)
		near = append(near, Near{int(row), similarity})
		for _, twin := range s.g.twins[row] {
			near = append(near, Near{int(twin), similarity})
		}
	}
	return near
}

// walk leaves in the beam what it finds in a layer: from the highest layer down it goes
// greedily, and in the layer it keeps the ef best.
func (s *Searcher) walk(query Score, ef, layer, without int) {
	s.begin(without)
	s.beam.reset(1)
	s.look(query, []uint32{s.g.entry})
	for l := s.g.top(); l > layer; l-- {
		s.expand(query, l)
		s.again(without)
	}
	s.beam.size = ef
	s.expand(query, layer)
}

// begin forgets what was seen.
func (s *Searcher) begin(without int) {
	if s.search++; s.search == 0 { // after 4 billion searches
		clear(s.seen)
		s.search = 1
	}
	if without >= 0 {
		s.seen[without] = s.search
	}
}

// again makes what the beam holds the beginning of a walk in the layer below.
func (s *Searcher) again(without int) {
	s.begin(without)
	for i := range s.beam.keys {
		s.beam.keys[i] |= 1
		s.seen[rowOf(s.beam.keys[i])] = s.search
	}
	s.beam.next = 0
}

// expand goes to the best row that it has not been at, and looks at those linked to it, until
// there is none.
func (s *Searcher) expand(query Score, layer int) {
	for {
		row, ok := s.beam.visit()
		if !ok {
			return
		}
		s.look(query, s.g.links(layer, row))
	}
}

// look offers rows to the beam that were not seen yet.
func (s *Searcher) look(query Score, rows []uint32) {
	s.fresh = s.fresh[:0]
	for _, r := range rows {
		if s.seen[r] != s.search {
			s.seen[r] = s.search
			s.fresh = append(s.fresh, r)
		}
	}
	scores := s.scores[:len(s.fresh)]
	query(scores, s.fresh)
	s.Visited += len(scores)
	for i, r := range s.fresh {
		s.beam.offer(key(scores[i], r))
	}
}
