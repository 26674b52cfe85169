package reduce

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

const (
	stripWidth = 64   // columns that a vector kernel takes at a time
	blockRows  = 64   // rows summed in float32
	pieceWidth = 2048 // columns of one task, at most: their results fit the first-level cache
	pieces     = 64   // tasks that the rows of one matrix are split into, at most
)

// A table is the matrix whose columns are summed. Narrow matrices leave most
// lanes of a vector idle, and odd widths need masks; so several rows are taken as
// one: x [n, inner] is read as [rows, width], width = fold*inner a multiple of
// stripWidth where n allows it. The fold sums of each column join at the end, and
// with them the n mod fold rows left over.
type table struct {
	inner, fold, rows, width int
}

func newTable(n, inner int) table {
	fold := stripWidth / gcd(inner, stripWidth)
	if fold > n {
		fold = 1
	}
	return table{inner, fold, n / fold, inner * fold}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// columns reduces the columns of each matrix x[o] [n, inner].
func columns(p *pool.Pool, lv cpu.Level, op Op, dst, x []float32, n, inner int) {
	t, size, outer := newTable(n, inner), n*inner, len(dst)/inner
	if size > taskSize {
		for o := range outer {
			t.reduceLarge(p, lv, op, dst[o*inner:(o+1)*inner], x[o*size:(o+1)*size])
		}
		return
	}
	perTask := max(1, taskSize/max(1, size))
	p.Run(ceilDiv(outer, perTask), func(task int) {
		var acc []float64
		for o := task * perTask; o < min((task+1)*perTask, outer); o++ {
			dst, x := dst[o*inner:(o+1)*inner], x[o*size:(o+1)*size]
			if t.fold == 1 && t.rows <= blockRows {
				t.reduceBlock(lv, op, dst, x, t.rows)
				continue
			}
			if acc == nil {
				acc = make([]float64, t.width)
			}
			t.reduce(p, lv, op, acc, x, t.rows)
			t.finish(op, dst, acc, x)
		}
	})
}

// reduceLarge splits one matrix into pieces of rows and columns.
func (t table) reduceLarge(p *pool.Pool, lv cpu.Level, op Op, dst, x []float32) {
	across := ceilDiv(t.width, pieceWidth)
	pieceRows := max(taskSize/min(t.width, pieceWidth), ceilDiv(t.rows, pieces))
	pieceRows = ceilDiv(pieceRows, blockRows) * blockRows
	down := ceilDiv(t.rows, pieceRows)
	partial := make([]float64, down*t.width)
	p.Run(down*across, func(task int) {
		r, c := task/across, task%across*pieceWidth
		acc := partial[r*t.width : (r+1)*t.width][c:min(c+pieceWidth, t.width)]
		t.reduce(p, lv, op, acc, x[r*pieceRows*t.width+c:], min(pieceRows, t.rows-r*pieceRows))
	})
	acc := partial[:t.width]
	for r := 1; r < down; r++ {
		for c, v := range partial[r*t.width : (r+1)*t.width] {
			acc[c] = combine(op, acc[c], v)
		}
	}
	t.finish(op, dst, acc, x)
}

// reduce sets acc to the reduction of its columns over rows of x, which starts at
// the first of them. Blocks of rows are reduced in order, as processors fetch ahead
// what is read in order, and joined in float64.
func (t table) reduce(p *pool.Pool, lv cpu.Level, op Op, acc []float64, x []float32, rows int) {
	block := p.Borrow(len(acc))
	defer p.Return(block)
	fill(acc, float64(identity[op]))
	for r := 0; r < rows; r += blockRows {
		t.reduceBlock(lv, op, block, x[r*t.width:], min(blockRows, rows-r))
		done := widenVector(lv, op, acc, block)
		widenGeneric(op, acc[done:], block[done:])
	}
}

// reduceBlock is reduce of few rows, in float32.
func (t table) reduceBlock(lv cpu.Level, op Op, acc, x []float32, rows int) {
	fill(acc, identity[op])
	done := columnsVector(lv, op, acc, x, rows, t.width)
	columnsGeneric(op, acc[done:], x[min(done, len(x)):], rows, t.width)
}

func fill[T any](x []T, v T) {
	for i := range x {
		x[i] = v
	}
}

// columnsGeneric joins acc with rows of x, which are stride elements apart.
func columnsGeneric(op Op, acc, x []float32, rows, stride int) {
	if len(acc) == 0 {
		return
	}
	for r := range rows {
		for c, v := range x[r*stride:][:len(acc)] {
			acc[c] = accumulate(op, acc[c], v)
		}
	}
}

// widenGeneric joins acc with x.
func widenGeneric(op Op, acc []float64, x []float32) {
	for c, v := range x {
		acc[c] = combine(op, acc[c], float64(v))
	}
}

// finish adds the rows of x that were left over to acc, and joins the columns that
// were read as one row.
func (t table) finish(op Op, dst []float32, acc []float64, x []float32) {
	for i, v := range x[t.rows*t.width:] {
		acc[i] = combine(op, acc[i], float64(start(op, v)))
	}
	for c := range dst {
		v := acc[c]
		for i := c + t.inner; i < len(acc); i += t.inner {
			v = combine(op, v, acc[i])
		}
		dst[c] = float32(v)
	}
}
