// Package nearest finds the rows of a bank that are most similar to each query,
// exactly: all products are formed, block by block, and none but the best of
// each query is kept.
package nearest

import (
	"context"
	"math"
	"slices"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/pool"
)

// Rows is a matrix [N, D], row-major.
type Rows struct {
	N, D int
	Data []float32
}

// Neighbour is a row of the bank with its dot product with the query.
type Neighbour struct {
	Index      int
	Similarity float32
}

// Options says what to search for, and with what.
type Options struct {
	K           int  // neighbours of each query, at least 1; fewer where the bank has fewer
	ExcludeSelf bool // queries are the bank: row i is no neighbour of query i

	// Without says which rows of the bank [N] are nobody's neighbours; nil for none.
	// Queries then have fewer than K neighbours where too few rows are left.
	Without []bool

	Pool  *pool.Pool
	Level cpu.Level
}

// A block of similarities is 9 MB: it stays in the last cache between being
// computed and being searched, and is large enough for the product to run at
// full speed. 2304 is a multiple of the rows that the product's tasks take.
const (
	queryBlock = 2304
	bankBlock  = 1024
)

// collected is how many scores are collected at most for all queries of a block:
// 64 MB.
const collected = 64 << 20 / 8

// Search calls visit once for every query, from several goroutines and in no
// certain order, with the K rows of the bank that have the largest dot product,
// nearest first; of equal ones the row with the lower index is nearer. The
// slice is valid until visit returns. All values must be finite. No bit of the
// result depends on the blocks, the workers or the level.
//
// Time O(Q N D). Memory is at most 73 MB, no matter how large the bank. Search
// returns early, with the context's cause, when the context ends.
func Search(ctx context.Context, o Options, queries, bank Rows, visit func(query int, near []Neighbour)) error {
	o.K = min(o.K, bank.N)
	height := min(queryBlock, max(1, collected/(o.K+room)))
	return search(ctx, o, queries, bank, height, bankBlock, visit)
}

func search(ctx context.Context, o Options, queries, bank Rows, queryBlock, bankBlock int, visit func(int, []Neighbour)) error {
	height := min(queryBlock, queries.N)
	scores := make([]float32, height*min(bankBlock, bank.N))
	kept := make([]best, height)
	for first := 0; first < queries.N; first += queryBlock {
		m := min(queryBlock, queries.N-first)
		for i := range m {
			kept[i].reset(o.K)
		}
		for from := 0; from < bank.N; from += bankBlock {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n := min(bankBlock, bank.N-from)
			gemm.Run(o.Pool, o.Level, &gemm.Args{
				M: m, N: n, K: bank.D,
				A: queries.Data[first*bank.D:], LDA: bank.D,
				B: bank.Data[from*bank.D:], LDB: bank.D, TransB: true,
				C: scores, LDC: n,
			})
			each(o.Pool, m, func(i int) {
				row := scores[i*n : (i+1)*n]
				if self := first + i - from; o.ExcludeSelf && 0 <= self && self < n {
					row[self] = float32(math.Inf(-1))
				}
				if o.Without != nil {
					drop(row, o.Without[from:from+n])
				}
				kept[i].offer(o.Level, from, row)
			})
		}
		each(o.Pool, m, func(i int) { visit(first+i, kept[i].sorted()) })
	}
	return nil
}

// drop makes scores those of rows that are nobody's neighbours.
func drop(scores []float32, without []bool) {
	for i, gone := range without {
		if gone {
			scores[i] = float32(math.Inf(-1))
		}
	}
}

// each calls f(0) to f(n-1), several to a task.
func each(p *pool.Pool, n int, f func(i int)) {
	const perTask = 16
	p.Run((n+perTask-1)/perTask, func(task int) {
		for i := task * perTask; i < min((task+1)*perTask, n); i++ {
			f(i)
		}
	})
}

// Unit returns the rows divided by their lengths; a row of zeros stays zero. If
// all lengths are 1 already, to the precision of float32, it returns x itself
// and not a copy.
func Unit(p *pool.Pool, x Rows) Rows {
	lengths := make([]float64, x.N)
	each(p, x.N, func(i int) { lengths[i] = length(x.Data[i*x.D : (i+1)*x.D]) })
	if !slices.ContainsFunc(lengths, func(l float64) bool { return !(math.Abs(l-1) <= 1e-6) }) {
		return x
	}
	u := Rows{N: x.N, D: x.D, Data: make([]float32, x.N*x.D)}
	each(p, x.N, func(i int) {
		to := u.Data[i*x.D : (i+1)*x.D]
		scale := 1 / max(lengths[i], math.SmallestNonzeroFloat32)
		for k, v := range x.Data[i*x.D : (i+1)*x.D] {
			to[k] = float32(float64(v) * scale)
		}
	})
	return u
}

// length is sqrt(Σ x²). The squares of float32 neither overflow nor vanish in
// float64.
func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
