// Package tidy puts a collection of embeddings in order: copies, clusters of any shape, and
// labels for all from the labels of a few. Similarity is the cosine; nothing depends
// on the number of workers.
package tidy

import (
	"context"
	"fmt"
	"slices"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// mostPairs bounds the pairs that are held in memory, at 16 bytes each. A test changes it.
var mostPairs = 1 << 28

// rounding is by how much the similarity of a vector and its copy may fall short of 1: lengths within 1e-6 of 1
// count as 1, and the product is a sum in float32.
const rounding = 3e-6

// Near is another row with its similarity.
type Near struct {
	Row        int     `json:"row"`
	Similarity float32 `json:"similarity"`
}

// nearestRows returns the k most similar other rows of each, the most similar first.
func nearestRows(ctx context.Context, f *eval.Features, k int) ([][]Near, error) {
	p := pool.New(0)
	defer p.Close()
	bank := nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
	near := make([][]Near, f.N)
	o := nearest.Options{K: k, ExcludeSelf: true, Pool: p, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
	err := nearest.Search(ctx, o, bank, bank, func(row int, found []nearest.Neighbour) {
		near[row] = others(row, found)
	})
	return near, err
}

// others are those found that are not the row itself.
func others(row int, found []nearest.Neighbour) []Near {
	list := make([]Near, 0, len(found))
	for _, n := range found {
		if n.Index != row {
			list = append(list, Near{n.Index, n.Similarity})
		}
	}
	return list
}

// within returns the other rows that are at least so similar to each, but for rounding, the most similar
// first. How similar that is may depend on how similar each is to the one most like it, 0 for a single row, which it returns, too.
func within(ctx context.Context, f *eval.Features, choose func(closest []float32) float32) (near [][]Near, closest []float32, err error) {
	p := pool.New(0)
	defer p.Close()
	bank := nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
	near, closest = make([][]Near, f.N), make([]float32, f.N)
	var similarity, least float32
	open := make([]int, f.N) // rows that may have more than were asked for
	for i := range open {
		open[i] = i
	}
	pairs := 0
	const fewest = 32
	for k := fewest; len(open) > 0; k *= 8 {
		queries := nearest.Rows{N: len(open), D: f.D, Data: make([]float32, 0, len(open)*f.D)}
		for _, row := range open {
			queries.Data = append(queries.Data, bank.Data[row*f.D:(row+1)*f.D]...)
		}
		o := nearest.Options{K: min(k, f.N), Pool: p, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
		err := nearest.Search(ctx, o, queries, bank, func(q int, found []nearest.Neighbour) {
			row := open[q]
			near[row] = others(row, found)
		})
		if err != nil {
			return nil, nil, err
		}
		if k == fewest {
			for row, n := range near {
				if len(n) > 0 {
					closest[row] = n[0].Similarity
				}
			}
			similarity = choose(closest)
			least = similarity - rounding
		}
		var more []int
		for _, row := range open {
			if n := near[row]; k < f.N && len(n) > 0 && n[len(n)-1].Similarity >= least {
				more = append(more, row)
				continue
			}
			near[row] = slices.Clone(near[row][:count(near[row], least)])
			pairs += len(near[row])
		}
		if pairs+min(8*k, f.N)*len(more) > mostPairs { // after the next round
			return nil, nil, fmt.Errorf("more pairs of images may have a similarity of at least %g than there is room for: ask for a higher one", similarity)
		}
		open = more
	}
	return near, closest, nil
}

// always is a similarity that depends on nothing.
func always(similarity float32) func([]float32) float32 {
	return func([]float32) float32 { return similarity }
}

// count is how many of a descending list are at least so similar.
func count(near []Near, similarity float32) int {
	n := 0
	for n < len(near) && near[n].Similarity >= similarity {
		n++
	}
	return n
}
