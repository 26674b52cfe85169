package nearest

import (
	"context"
	"math"
	"sync/atomic"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// coarse finds neighbours in two passes, with the very result of one: all products in
// bfloat16, which is many times as fast, and then, in float32, those that may be among
// the largest. With x̃ a row rounded to bfloat16 and D its length, a product of the
// first pass differs from that of the second by no more than
//
//	ε = |x - x̃| |ỹ| + |x| |y - ỹ| + γ (|x̃| |ỹ| + |x| |y|),   γ = 2 (D+2) 2^-24
//
// (Cauchy and Schwarz for what rounding took from the rows; γ for the additions of both
// passes, in any order). The norms of a query are its own, those of y the largest in
// the bank. K rows of the bank have at least the K-th largest coarse product s, so exact
// products of at least s - ε; a row among the K largest has no less, and a coarse
// product of at least s - 2ε. Those rows are the candidates, ties among them. Rows of
// length 1 and 512 values have ε = 0.0035: half as many again as K, where cosines are
// spread as those of random rows.
type coarse struct {
	Options
	kernel        bf16.Kernel
	inner, block  int // of a sum; together they are no shorter than D
	queries, bank Rows
	largest       norms // in the bank
	most          int   // candidates of a query, beyond which one pass is better
}

// The blocks of the first pass: a task's rows of queries, and the rows of the bank, stay
// in a level 2 cache with their products.
const (
	coarseRows = 128
	coarseBank = 1024
)

// newCoarse returns nil where two passes gain nothing or the bound does not hold.
func newCoarse(o Options, queries, bank Rows) *coarse {
	if o.Coarse == cpu.BF16Float || o.Without != nil || o.Level != cpu.AVX512 || bank.D < 64 || queries.N < 64 || bank.N < max(2*coarseBank, 16*o.K) {
		return nil
	}
	c := &coarse{Options: o, kernel: bf16.For(o.Coarse), queries: queries, bank: bank, most: 4*o.K + 1024}
	c.inner, c.block = bf16.Blocks(bank.D)
	parts := make([]norms, (bank.N+coarseBank-1)/coarseBank)
	o.Pool.Run(len(parts), func(i int) {
		row := bf16.Borrow(o.Pool, c.width())
		defer bf16.Return(o.Pool, row)
		for y := i * coarseBank; y < min((i+1)*coarseBank, bank.N); y++ {
			parts[i] = parts[i].atLeast(c.round(row, bank, y))
		}
	})
	for _, p := range parts {
		c.largest = c.largest.atLeast(p)
	}
	return c
}

// width is the length of a rounded row, with zeros beyond D.
func (c *coarse) width() int { return c.inner * c.block }

// norms are |x|, |x̃| and |x - x̃|.
type norms struct{ exact, rounded, lost float64 }

func (n norms) atLeast(m norms) norms {
	return norms{max(n.exact, m.exact), max(n.rounded, m.rounded), max(n.lost, m.lost)}
}

// round rounds row i.
func (c *coarse) round(dst []bf16.T, x Rows, i int) (n norms) {
	row := x.Data[i*x.D : (i+1)*x.D]
	bf16.Narrow(c.Level, dst, row)
	clear(dst[x.D:])
	for k, v := range row {
		r := float64(dst[k].Float32())
		n.exact += float64(v) * float64(v)
		n.rounded += r * r
		n.lost += (float64(v) - r) * (float64(v) - r)
	}
	return norms{math.Sqrt(n.exact), math.Sqrt(n.rounded), math.Sqrt(n.lost)}
}

// margin is 2ε of a query, rounded up.
func (c *coarse) margin(x norms) float32 {
	y, d := c.largest, float64(c.bank.D)
	gamma := 2 * (d + 2) * 0x1p-24
	e := x.lost*y.rounded + x.exact*y.lost + gamma*(x.rounded*y.rounded+x.exact*y.exact)
	e += d * 0x1p-120 * (1 + x.exact + y.exact) // units take numbers below 2^-126 for 0
	return float32(2 * e * (1 + 0x1p-20))
}

// sound tells whether no sum can come near the largest float32, or be no number.
func (c *coarse) sound(x norms) bool {
	y := c.largest
	return max(x.exact, x.rounded) < 1e15 && max(y.exact, y.rounded) < 1e15
}

// search visits the queries first to first+m-1, unless it finds that they have too many
// candidates.
func (c *coarse) search(ctx context.Context, first, m int, kept []best, visit func(int, []Neighbour)) (done bool, err error) {
	width := c.width()
	rows := (m + c.kernel.Rows - 1) / c.kernel.Rows * c.kernel.Rows
	a := bf16.Borrow(c.Pool, rows*width)
	defer bf16.Return(c.Pool, a)
	clear(a[m*width:])
	var failed atomic.Bool
	each(c.Pool, m, func(i int) {
		x := c.round(a[i*width:(i+1)*width], c.queries, first+i)
		kept[i].reset(c.K, c.margin(x))
		if !c.sound(x) {
			failed.Store(true)
		}
	})
	height := Fit(coarseBank, width, 2)
	panels := bf16.Borrow(c.Pool, height*width)
	defer bf16.Return(c.Pool, panels)
	for from := 0; from < c.bank.N && !failed.Load(); from += height {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		n := min(height, c.bank.N-from)
		c.pack(panels, from, n)
		c.Pool.Run((m+coarseRows-1)/coarseRows, func(band int) {
			at := band * coarseRows
			if !c.band(a[at*width:], panels, kept[at:min(at+coarseRows, m)], first+at, from, n) {
				failed.Store(true)
			}
		})
	}
	if failed.Load() {
		return false, nil
	}
	each(c.Pool, m, func(i int) {
		c.exact(&kept[i], c.queries.Data[(first+i)*c.bank.D:][:c.bank.D])
		visit(first+i, kept[i].sorted())
	})
	return true, nil
}

// pack rounds n rows of the bank and brings them into the kernel's order, in panels of
// its width.
func (c *coarse) pack(panels []bf16.T, from, n int) {
	const w = bf16.Width
	width := c.width()
	c.Pool.Run((n+w-1)/w, func(i int) {
		rows := bf16.Borrow(c.Pool, w*width)
		defer bf16.Return(c.Pool, rows)
		clear(rows[min(w, n-i*w)*width:])
		for r := range min(w, n-i*w) {
			row := rows[r*width : (r+1)*width]
			y := (from + i*w + r) * c.bank.D
			bf16.Narrow(c.Level, row, c.bank.Data[y:y+c.bank.D])
			clear(row[c.bank.D:])
		}
		bf16.TransposePairs(c.Level, panels[i*w*width:], 2*w, rows, width, w, width/2)
	})
}

// band offers the products of some queries with n rows of the bank. It is false if a
// query has too many candidates.
func (c *coarse) band(a, panels []bf16.T, kept []best, first, from, n int) bool {
	const w = bf16.Width
	width, columns := c.width(), (n+w-1)/w*w
	var groups []bf16.Group
	for i := 0; i < len(kept); i += c.kernel.Rows {
		groups = append(groups, bf16.Group{A: i * width, C: i * columns})
	}
	scores := c.Pool.Borrow(len(groups) * c.kernel.Rows * columns)
	defer c.Pool.Return(scores)
	for j := 0; j < columns; j += w {
		p := bf16.Product{Outer: 1, Inner: c.inner, Block: c.block, A: a, ARow: width, B: panels[j*width:], CRow: columns}
		c.kernel.Float(&p, scores[j:], false, groups)
	}
	for i := range kept {
		row := scores[i*columns:][:n]
		if self := first + i - from; c.ExcludeSelf && 0 <= self && self < n {
			row[self] = float32(math.Inf(-1))
		}
		if kept[i].offer(c.Level, from, row); len(kept[i].keys) > c.most {
			return false
		}
	}
	return true
}

// exact puts exact products in the place of a query's coarse ones.
func (c *coarse) exact(b *best, query []float32) {
	if len(b.keys) > b.k {
		b.thin()
	}
	d := len(query)
	panel := c.Pool.Borrow(chains * d)
	defer c.Pool.Return(panel)
	bank, words := bf16.Of(c.bank.Data), bf16.Of(panel) // a float is a pair
	var products [chains]float32
	for at := 0; at < len(b.keys); at += chains {
		keys := b.keys[at:min(at+chains, len(b.keys))]
		for i := 0; i < len(keys); i += lanes {
			var at [lanes]int // beyond the last key the first row stands for none
			for r, key := range keys[i:min(i+lanes, len(keys))] {
				at[r] = 2 * d * neighbour(key).Index
			}
			bf16.TransposeRows(c.Level, words[2*i:], 2*chains, bank, &at, d)
		}
		dot(c.Level, &products, query, panel)
		for i := range keys {
			keys[i] = key(products[i], neighbour(keys[i]).Index)
		}
	}
	b.margin = 0
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
