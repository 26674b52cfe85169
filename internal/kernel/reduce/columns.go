package reduce

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

const (
	stripWidth = 64  // columns that a vector kernel keeps in registers
	blockRows  = 64  // rows summed in float32
	pieceWidth = 512 // columns of one task, at most
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
		acc := make([]float64, t.width)
		for o := task * perTask; o < min((task+1)*perTask, outer); o++ {
			x := x[o*size : (o+1)*size]
			t.reduce(lv, op, acc, x, t.rows)
			t.finish(op, dst[o*inner:(o+1)*inner], acc, x)
		}
	})
}

// reduceLarge splits one matrix into pieces of rows and columns.
func (t table) reduceLarge(p *pool.Pool, lv cpu.Level, op Op, dst, x []float32) {
	across := ceilDiv(t.width, pieceWidth)
	pieceRows := ceilDiv(taskSize, min(t.width, pieceWidth)*blockRows) * blockRows
	down := ceilDiv(t.rows, pieceRows)
	partial := make([]float64, down*t.width)
	p.Run(down*across, func(task int) {
		r, c := task/across, task%across*pieceWidth
		acc := partial[r*t.width : (r+1)*t.width][c:min(c+pieceWidth, t.width)]
		t.reduce(lv, op, acc, x[r*pieceRows*t.width+c:], min(pieceRows, t.rows-r*pieceRows))
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
// the first of them. Blocks of rows are joined in float64.
func (t table) reduce(lv cpu.Level, op Op, acc []float64, x []float32, rows int) {
	for c := range acc {
		acc[c] = float64(identity[op])
	}
	for r := 0; r < rows; r += blockRows {
		n := min(blockRows, rows-r)
		done := columnsVector(lv, op, acc, x[r*t.width:], n, t.width)
		columnsGeneric(op, acc[done:], x[r*t.width+done:], n, t.width)
	}
}

// columnsGeneric joins acc with the reduction of its columns over rows of x, which
// are stride elements apart.
func columnsGeneric(op Op, acc []float64, x []float32, rows, stride int) {
	for c := range acc {
		v := identity[op]
		for r := range rows {
			v = accumulate(op, v, x[r*stride+c])
		}
		acc[c] = combine(op, acc[c], float64(v))
	}
}

// finish adds the rows of x that were left over to acc, and joins the columns that
// were read as one row.
func (t table) finish(op Op, dst []float32, acc []float64, x []float32) {
	left := x[t.rows*t.width:]
	columnsGeneric(op, acc[:len(left)], left, 1, t.width)
	for c := range dst {
		v := acc[c]
		for i := c + t.inner; i < len(acc); i += t.inner {
			v = combine(op, v, acc[i])
		}
		dst[c] = float32(v)
	}
}
