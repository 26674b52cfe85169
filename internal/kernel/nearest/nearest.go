// Package nearest finds the rows of a bank that are most similar to each query,
// exactly: all products are formed, block by block, and none but the best of
// each query is kept. Where bfloat16 is fast the products are formed in it, and those
// that may be the best once more in float32.
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

	Pool   *pool.Pool
	Level  cpu.Level
	Coarse cpu.BF16 // of a first pass, if there is to be one; BF16Float for none
}

// A block of similarities is 9 MB: it stays in the last cache between being
// computed and being searched, and is large enough for the product to run at
// full speed. 2304 is a multiple of the rows that the product's tasks take.
const (
	queryBlock = 2304
	bankBlock  = 1024
)

// collected is how many scores are collected at most for all queries of a block:
// 64 MB. A neighbour is as large as two.
const collected = 64 << 20 / 8

// packedBytes is what rows take at most that are brought into a kernel's order at once; so there are
// fewer to a block where they are long.
const packedBytes = 32 << 20

// Fit is how many rows of d values of some bytes are packed at once: at most most, at least and a
// multiple of a panel of 32.
func Fit(most, d, bytes int) int {
	return min(most, max(32, packedBytes/(bytes*d)/32*32))
}

// Search calls visit once for every query, from several goroutines and in no
// certain order, with the K rows of the bank that have the largest dot product,
// nearest first; of equal ones the row with the lower index is nearer. The
// slice is valid until visit returns. All values must be finite. No bit of the
// result depends on the blocks, the workers, the level or the first pass.
//
// Time O(Q N D). Memory is at most 110 MB, no matter how large the bank, or that of 32 rows of
// each side where these take more; with a first
// pass up to four times that, where very many rows may be among the K. Search
// returns early, with the context's cause, when the context ends.
func Search(ctx context.Context, o Options, queries, bank Rows, visit func(query int, near []Neighbour)) error {
	o.K = min(o.K, bank.N)
	height := min(Fit(queryBlock, bank.D, 2), max(1, collected/(3*o.K+room(o.K))))
	return search(ctx, o, queries, bank, height, Fit(bankBlock, bank.D, 4), visit)
}

func search(ctx context.Context, o Options, queries, bank Rows, queryBlock, bankBlock int, visit func(int, []Neighbour)) error {
	height := min(queryBlock, queries.N)
	kept := make([]best, height)
	two := newCoarse(o, queries, bank)
	var scores []float32
	for first := 0; first < queries.N; first += queryBlock {
		m := min(queryBlock, queries.N-first)
		if two != nil {
			done, err := two.search(ctx, first, m, kept, visit)
			if err != nil {
				return err
			}
			if done {
				continue
			}
			two = nil // one pass is better for the other queries, too
		}
		if scores == nil {
			scores = o.Pool.Borrow(height * min(bankBlock, bank.N))
			defer o.Pool.Return(scores)
		}
		for i := range m {
			kept[i].reset(o.K, 0)
		}
		for from := 0; from < bank.N; from += bankBlock {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n := min(bankBlock, bank.N-from)
			product(o, scores, queries.Data[first*bank.D:], m, bank.Data[from*bank.D:], n, bank.D)
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

// ScanBlock is the most rows that are scored at once by Scan.
const ScanBlock = 1024

// Scan is Search by other scores than dot products, of a bank of n rows: scorer returns what
// writes to dst the scores of a query and the rows from a place on; the workers call it at
// the same time. visit is called in the order of the queries, from one goroutine. Memory is
// 4 n bytes.
func Scan(ctx context.Context, o Options, queries, n int, scorer func(query int) func(dst []float32, from int), visit func(query int, near []Neighbour)) error {
	scores := make([]float32, n)
	var kept best
	for q := range queries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		score := scorer(q)
		o.Pool.Run((n+ScanBlock-1)/ScanBlock, func(block int) {
			from := block * ScanBlock
			score(scores[from:min(from+ScanBlock, n)], from)
		})
		if o.Without != nil {
			drop(scores, o.Without)
		}
		kept.reset(min(o.K, n), 0)
		kept.offer(o.Level, 0, scores)
		visit(q, kept.sorted())
	}
	return nil
}

// fewQueries are so few that the bank is better the left side of the product: the right side
// is brought into another order first, which costs more than some dozens of queries.
const fewQueries = 64

// product writes the dot products of m queries with n rows of the bank to scores [m, n]. Each
// is one chain of multiply-adds, whichever side is left, so its bits are the same.
func product(o Options, scores, queries []float32, m int, bank []float32, n, d int) {
	if m > fewQueries {
		gemm.Run(o.Pool, o.Level, &gemm.Args{M: m, N: n, K: d, A: queries, LDA: d, B: bank, LDB: d, TransB: true, C: scores, LDC: n})
		return
	}
	if m == 1 {
		gemm.Run(o.Pool, o.Level, &gemm.Args{M: n, N: 1, K: d, A: bank, LDA: d, B: queries, LDB: d, TransB: true, C: scores, LDC: 1})
		return
	}
	columns := o.Pool.Borrow(n * m)
	defer o.Pool.Return(columns)
	gemm.Run(o.Pool, o.Level, &gemm.Args{M: n, N: m, K: d, A: bank, LDA: d, B: queries, LDB: d, TransB: true, C: columns, LDC: m})
	for i := range m {
		for j := range n {
			scores[i*n+j] = columns[j*m+i]
		}
	}
}

// drop makes scores those of rows that are nobody's neighbours.
func drop(scores []float32, without []bool) {
	for i, gone := range without {
		if gone {
			scores[i] = float32(math.Inf(-1))
		}
	}
}

// Unit returns the rows divided by their lengths; a row of zeros stays zero. If
// all other lengths are 1 already, to the precision of float32, it returns x itself
// and not a copy.
func Unit(p *pool.Pool, x Rows) Rows {
	lengths := lengths(p, x)
	if lengths == nil {
		return x
	}
	u := Rows{N: x.N, D: x.D, Data: make([]float32, x.N*x.D)}
	divide(p, u, x, lengths)
	return u
}

// Normalize is Unit in place.
func Normalize(p *pool.Pool, x Rows) {
	if lengths := lengths(p, x); lengths != nil {
		divide(p, x, x, lengths)
	}
}

// lengths are those of the rows, or nil if all are 1 or 0.
func lengths(p *pool.Pool, x Rows) []float64 {
	lengths := make([]float64, x.N)
	each(p, x.N, func(i int) { lengths[i] = length(x.Data[i*x.D : (i+1)*x.D]) })
	if !slices.ContainsFunc(lengths, func(l float64) bool { return !(math.Abs(l-1) <= 1e-6 || l == 0) }) {
		return nil
	}
	return lengths
}

// divide writes the rows, divided by their lengths, to u, which may be x.
func divide(p *pool.Pool, u, x Rows, lengths []float64) {
	each(p, x.N, func(i int) {
		to := u.Data[i*x.D : (i+1)*x.D]
		scale := 1 / max(lengths[i], math.SmallestNonzeroFloat32)
		for k, v := range x.Data[i*x.D : (i+1)*x.D] {
			to[k] = float32(float64(v) * scale)
		}
	})
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
