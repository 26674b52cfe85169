package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// KMeans finds clusters of the embeddings, scaled to length 1, that make the
// inertia small: with c(i) the nearest centre to x_i, the lower one of equals,
//
//	Σ_i |x_i - c(i)|²
//
// It is Lloyd's algorithm: assign each image to its nearest centre, move each
// centre to the mean of its images, until that gains no more. It begins with the
// greedy k-means++ of scikit-learn (Arthur and Vassilvitskii 2007): each centre is
// the best of 2 + ln k images, drawn with probability proportional to the squared
// distance from the centres so far. A centre that loses all images restarts at the
// image that is farthest from its own. No bit depends on the number of workers
// or on the instruction set.
type KMeans struct {
	Clusters      int
	Restarts      int // with other beginnings
	MaxIterations int // of each restart
	Seed          uint64
}

// Clustering says which cluster each image is in.
type Clustering struct {
	Of         []int // in [0, Clusters); some may be empty where images are equal
	Inertia    float64
	Iterations int
	Converged  bool // before MaxIterations
}

// Validate checks all fields.
func (m KMeans) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{{"clusters", m.Clusters}, {"restarts", m.Restarts}, {"max_iterations", m.MaxIterations}} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("%s %d: must be at least 1", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}

// converged is the share of the inertia that an iteration must gain to go on: a
// tenth of what float32 leaves uncertain in each distance.
const converged = 1e-8

// Run returns a clustering for each restart, that of least inertia first. Time is
// O(Restarts Iterations N Clusters D); memory is the centres, 60 MB, some 100 bytes an
// image, and a copy of features that are not normalised.
func (m KMeans) Run(ctx context.Context, f *Features) ([]Clustering, error) {
	if err := errors.Join(m.Validate(), f.Validate()); err != nil {
		return nil, wrap("k-means", err)
	}
	if m.Clusters > f.N {
		return nil, fmt.Errorf("k-means: %d clusters of %d images: need at least one image each", m.Clusters, f.N)
	}
	p := pool.New(0)
	defer p.Close()
	x := newPoints(p, f)
	all := make([]Clustering, m.Restarts)
	for r := range all {
		start, err := x.begin(ctx, m.Clusters, rng.New(rng.Cluster, m.Seed, uint64(r)))
		if err != nil {
			return nil, err
		}
		if all[r], err = x.lloyd(ctx, start, m.MaxIterations); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b Clustering) int { return cmp.Compare(a.Inertia, b.Inertia) })
	return all, nil
}

// points are vectors x [D] of length 1 (or 0). Centres are vectors c followed by
// -|c|²/2, and points are followed by a 1 where they meet centres, a block of them at a
// time. So their product s = x·c - |c|²/2 orders the centres by distance,
// |x - c|² = |x|² - 2 s, and the nearest one is a search.
type points struct {
	nearest.Rows
	pool    *pool.Pool
	squares []float64 // |x|²
	block   int       // points that meet the centres at once
}

// pointBytes are what a block of points takes: with 512 values, some times what a search
// takes at once.
const pointBytes = 16 << 20

func newPoints(p *pool.Pool, f *Features) *points {
	x := &points{nearest.Unit(p, f.rows()), p, make([]float64, f.N), max(32, pointBytes/4/(f.D+1))}
	for i := range x.squares {
		x.squares[i] = square(x.row(i))
	}
	return x
}

func (x *points) row(i int) []float32 { return x.Data[i*x.D : (i+1)*x.D] }

func square(v []float32) float64 {
	sum := 0.0
	for _, a := range v {
		sum += float64(a) * float64(a)
	}
	return sum
}

// finish writes the last element of a centre.
func finish(centre []float32) {
	d := len(centre) - 1
	centre[d] = float32(-square(centre[:d]) / 2)
}

// distance is |x_i - c|² from the product; rounding does not make it negative.
func (x *points) distance(i int, s float32) float64 { return max(0, x.squares[i]-2*float64(s)) }

// begin returns the first centres, by greedy k-means++.
func (x *points) begin(ctx context.Context, k int, stream *rng.Stream) (nearest.Rows, error) {
	centres := nearest.Rows{N: 0, D: x.D + 1, Data: make([]float32, 0, k*(x.D+1))}
	away := make([]float64, x.N) // squared distance from the nearest centre
	for i := range away {
		away[i] = math.Inf(1)
	}
	sums, tries := make([]float64, x.N), 1
	for centres.N < k {
		if ctx.Err() != nil {
			return centres, context.Cause(ctx)
		}
		candidates := make([]int, tries)
		for j := range candidates {
			candidates[j] = draw(stream, sums)
		}
		centres.Data = append(centres.Data, x.best(candidates, away)...)
		centres.N++
		total := 0.0
		for i, a := range away {
			total += a
			sums[i] = total
		}
		tries = 2 + int(math.Log(float64(k)))
	}
	return centres, nil
}

// draw returns an index with a probability proportional to what it adds to the
// sums; any if they are 0.
func draw(stream *rng.Stream, sums []float64) int {
	total := sums[len(sums)-1]
	u := stream.Float64()
	if total == 0 {
		return int(u * float64(len(sums)))
	}
	at := sort.Search(len(sums), func(i int) bool { return sums[i] > u*total })
	return min(at, len(sums)-1)
}

// best returns the image that as a centre makes the sum of away smallest, the
// first of equals, and updates away.
func (x *points) best(candidates []int, away []float64) []float32 {
	n, width := len(candidates), x.D+1
	rows := make([]float32, 0, n*width)
	for _, c := range candidates {
		rows = append(append(rows, x.row(c)...), 0)
		finish(rows[len(rows)-width:])
	}
	s := x.pool.Borrow(x.N * n)
	defer x.pool.Return(s)
	gemm.Run(x.pool, cpu.Detect(), &gemm.Args{M: x.N, N: n, K: x.D, A: x.Data, LDA: x.D, B: rows, LDB: width, TransB: true, C: s, LDC: n})
	for at := range s {
		s[at] += rows[at%n*width+x.D]
	}
	sums := make([]float64, n)
	for _, part := range x.blocks(func(from, to int) []float64 {
		part := make([]float64, n)
		for i := from; i < to; i++ {
			for j, product := range s[i*n : (i+1)*n] {
				part[j] += min(away[i], x.distance(i, product))
			}
		}
		return part
	}) {
		addRow(sums, part)
	}
	b := 0
	for j := range sums {
		if sums[j] < sums[b] {
			b = j
		}
	}
	for i, a := range away {
		away[i] = min(a, x.distance(i, s[i*n+b]))
	}
	return rows[b*width : (b+1)*width]
}

// blocks calls f for blocks of images, at once, and returns the results in order.
func (x *points) blocks(f func(from, to int) []float64) [][]float64 {
	const size = 1024
	results := make([][]float64, (x.N+size-1)/size)
	x.pool.Run(len(results), func(b int) { results[b] = f(b*size, min((b+1)*size, x.N)) })
	return results
}

// lloyd moves the centres until no image changes its cluster.
func (x *points) lloyd(ctx context.Context, centres nearest.Rows, most int) (c Clustering, err error) {
	c.Of, c.Inertia = make([]int, x.N), math.Inf(1)
	away := make([]float64, x.N)
	for {
		before := c.Inertia
		if err := x.assign(ctx, centres, c.Of, away); err != nil {
			return c, err
		}
		c.Inertia = 0
		for _, a := range away {
			c.Inertia += a
		}
		c.Iterations++
		c.Converged = before-c.Inertia <= converged*before && !math.IsInf(before, 1) || c.Inertia == 0
		if c.Converged || c.Iterations >= most {
			return c, nil
		}
		x.move(centres, c.Of, away)
	}
}

// assign finds the nearest centre of each image and its squared distance.
func (x *points) assign(ctx context.Context, centres nearest.Rows, of []int, away []float64) error {
	o := nearest.Options{K: 1, Pool: x.pool, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
	width := centres.D
	buffer := x.pool.Borrow(min(x.block, x.N) * width)
	defer x.pool.Return(buffer)
	for from := 0; from < x.N; from += x.block {
		some := nearest.Rows{N: min(x.block, x.N-from), D: width, Data: buffer}
		for i := range some.N {
			row := some.Data[i*width : (i+1)*width]
			row[copy(row, x.row(from+i))] = 1
		}
		err := nearest.Search(ctx, o, some, centres, func(i int, near []nearest.Neighbour) {
			of[from+i], away[from+i] = near[0].Index, x.distance(from+i, near[0].Similarity)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// move puts each centre at the mean of its images.
func (x *points) move(centres nearest.Rows, of []int, away []float64) {
	members := make([][]int, centres.N)
	for i, c := range of {
		members[c] = append(members[c], i)
	}
	fill(members, of, away)
	x.pool.Run(centres.N, func(c int) {
		sum := make([]float64, x.D)
		for _, i := range members[c] {
			for k, v := range x.row(i) {
				sum[k] += float64(v)
			}
		}
		centre := centres.Data[c*centres.D : (c+1)*centres.D]
		for k, v := range sum {
			centre[k] = float32(v / float64(len(members[c])))
		}
		finish(centre)
	})
}

// fill gives each empty cluster the image that is farthest from its centre, the
// first of equals, out of a cluster that has others.
func fill(members [][]int, of []int, away []float64) {
	for c := range members {
		if len(members[c]) > 0 {
			continue
		}
		far := -1
		for i, a := range away {
			if len(members[of[i]]) > 1 && (far < 0 || a > away[far]) {
				far = i
			}
		}
		from := of[far]
		members[from] = slices.DeleteFunc(members[from], func(i int) bool { return i == far })
		members[c], of[far], away[far] = []int{far}, c, 0
	}
}
