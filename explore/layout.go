package explore

import (
	"cmp"
	"context"
	"math"
	"slices"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// Layout is a map on which the nearest neighbours of a point stay near it: UMAP
// (McInnes, Healy and Melville 2018). The graph of the Neighbours nearest rows by
// cosine is given weights in (0, 1]; then points that an edge joins attract each
// other, as often as its weight says, and repel points that are drawn. With d the
// distance on the map and q = 1/(1 + A d²), an edge lowers -log q and a drawn pair
// -log(1 - q).
//
// Two departures: q's exponent is 1 where UMAP fits 0.79 to min_dist, so that no
// power is computed, and the map begins with PCA, not with the graph's eigenvectors.
type Layout struct {
	Neighbours int // UMAP: 15
	Epochs     int // UMAP: 500 for few points, 200 for many
	Negatives  int // drawn for each attraction; UMAP: 5
}

// DefaultLayout is UMAP's, with epochs between its two choices.
func DefaultLayout() Layout { return Layout{Neighbours: 15, Epochs: 300, Negatives: 5} }

const (
	nearness = 1.6 // A: q is a half at 0.8
	most     = 4   // of a step in a coordinate
)

// Run places the rows, beginning with the points. It is one goroutine's work after
// the search for neighbours, so that no bit depends on how many there are. It
// returns early, with the context's cause, when the context ends.
func (l Layout) Run(ctx context.Context, f *eval.Features, from []Point) ([]Point, error) {
	near, err := l.neighbours(ctx, f)
	if err != nil {
		return nil, err
	}
	return l.place(ctx, near, from)
}

// place is Run with the neighbours of each row.
func (l Layout) place(ctx context.Context, near [][]nearest.Neighbour, from []Point) ([]Point, error) {
	edges := l.graph(near)
	points := spread(from)
	due := make([]float64, len(edges)) // the epoch of an edge's next turn
	for e := range edges {
		due[e] = 1 / edges[e].weight
	}
	for epoch := range l.Epochs {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		rate := 1 - float64(epoch)/float64(l.Epochs)
		random := rng.New(rng.Layout, layoutSeed, uint64(epoch))
		for e := range edges {
			if due[e] > float64(epoch+1) {
				continue
			}
			due[e] += 1 / edges[e].weight
			a, b := &points[edges[e].from], &points[edges[e].to]
			dx, dy := attraction(a.X-b.X, a.Y-b.Y)
			a.move(-rate, dx, dy)
			b.move(rate, dx, dy)
			for range l.Negatives {
				other := &points[random.IntN(len(points))]
				if other != a {
					dx, dy = repulsion(a.X-other.X, a.Y-other.Y)
					a.move(-rate, dx, dy)
				}
			}
		}
	}
	return points, nil
}

func (p *Point) move(rate, dx, dy float64) {
	p.X += rate * max(-most, min(most, dx))
	p.Y += rate * max(-most, min(most, dy))
}

// attraction is the gradient of -log q with respect to the difference of two points.
func attraction(x, y float64) (dx, dy float64) {
	g := 2 * nearness / (1 + nearness*(x*x+y*y))
	return g * x, g * y
}

// repulsion is the gradient of -log(1-q), kept finite for points in one place as
// UMAP does, by 0.001.
func repulsion(x, y float64) (dx, dy float64) {
	d := x*x + y*y
	g := -2 / ((0.001 + d) * (1 + nearness*d))
	return g * x, g * y
}

// spread scales points to the map. Equal ones are moved apart a little.
func spread(from []Point) []Point {
	far := 1e-12
	for _, p := range from {
		far = max(far, math.Abs(p.X), math.Abs(p.Y))
	}
	random := rng.New(rng.Layout, layoutSeed, math.MaxUint64)
	points := make([]Point, len(from))
	for i, p := range from {
		points[i] = Point{mapHalfWidth*p.X/far + 1e-4*random.NormFloat64(), mapHalfWidth*p.Y/far + 1e-4*random.NormFloat64()}
	}
	return points
}

// edge joins two points, of which one is among the other's neighbours.
type edge struct {
	from, to int
	weight   float64 // relative to the largest
}

// neighbours are the nearest of each row, itself left out, the nearest first.
func (l Layout) neighbours(ctx context.Context, f *eval.Features) ([][]nearest.Neighbour, error) {
	p := pool.New(0)
	defer p.Close()
	rows := nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
	found := make([][]nearest.Neighbour, f.N)
	o := nearest.Options{K: l.Neighbours, ExcludeSelf: true, Pool: p, Level: cpu.Detect()}
	err := nearest.Search(ctx, o, rows, rows, func(i int, near []nearest.Neighbour) {
		for _, n := range near {
			if n.Index != i && !math.IsInf(float64(n.Similarity), -1) { // few rows have fewer neighbours
				found[i] = append(found[i], n)
			}
		}
	})
	return found, err
}

// graph joins each row with its nearest. With w(i,j) the weight that row i gives to
// its neighbour j, the edge has w(i,j) + w(j,i) - w(i,j) w(j,i).
func (l Layout) graph(near [][]nearest.Neighbour) []edge {
	found := make([][]edge, len(near))
	for i := range near {
		found[i] = fuzzy(i, near[i])
	}
	both := slices.Concat(found...)
	for i := range both {
		if e := &both[i]; e.from > e.to {
			e.from, e.to = e.to, e.from
		}
	}
	slices.SortStableFunc(both, func(a, b edge) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	edges, largest := both[:0], 0.0
	for _, e := range both {
		if n := len(edges); n > 0 && edges[n-1].from == e.from && edges[n-1].to == e.to {
			w := &edges[n-1].weight
			*w += e.weight - *w*e.weight
		} else {
			edges = append(edges, e)
		}
		largest = max(largest, edges[len(edges)-1].weight)
	}
	kept := edges[:0]
	for _, e := range edges {
		if e.weight /= largest; e.weight*float64(l.Epochs) >= 1 { // others never have a turn
			kept = append(kept, e)
		}
	}
	return kept
}

// fuzzy weighs the neighbours of a row: exp(-(d - ρ)/σ) with d the cosine distance,
// ρ the nearest's and σ such that the weights sum to log₂ k.
func fuzzy(i int, near []nearest.Neighbour) []edge {
	edges := make([]edge, 0, len(near))
	for _, n := range near {
		edges = append(edges, edge{i, n.Index, 1 - float64(n.Similarity)})
	}
	if len(edges) == 0 {
		return nil
	}
	rho, want := edges[0].weight, math.Log2(float64(len(edges)))
	sum := func(sigma float64) (s float64) {
		for _, e := range edges {
			s += math.Exp(-(e.weight - rho) / sigma)
		}
		return s
	}
	low, high := 1e-9, 10.0 // cosine distances are at most 2
	for range 60 {
		if middle := math.Sqrt(low * high); sum(middle) < want {
			low = middle
		} else {
			high = middle
		}
	}
	for k := range edges {
		edges[k].weight = math.Exp(-(edges[k].weight - rho) / high)
	}
	return edges
}
