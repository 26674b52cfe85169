package norm

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/pool"
)

const (
	stripWidth = 64      // columns that a vector kernel takes at a time
	blockRows  = 64      // rows summed in float32; blocks are joined in float64
	taskSize   = 1 << 15 // elements of one task, about
	maxTasks   = 64      // about; larger tensors have larger tasks, as tasks' sums have to be joined
	samples    = 16      // rows that K, the shift of Stats, is the mean of
)

// A table is x [R, cols] read as [rows, width]: several rows are taken as one, so
// that width is a multiple of stripWidth and kernels need no masks. Elements left
// over at the end are one more, shorter row.
type table struct {
	cols, width, rows, left int
}

func newTable(elements, cols int) table {
	t := table{cols: cols, width: cols}
	for t.width%stripWidth != 0 {
		t.width += cols
	}
	t.rows, t.left = elements/t.width, elements%t.width
	return t
}

// tile returns n slices of t.width elements.
func (s *Scratch) tile(t table, n int) [][]float32 {
	if len(s.params) < n*t.width {
		s.params = make([]float32, n*t.width)
	}
	out := make([][]float32, n)
	for i := range out {
		out[i] = s.params[i*t.width : (i+1)*t.width]
	}
	return out
}

// taskRows is how many rows a task takes: whole blocks.
func (t table) taskRows() int {
	rows := max(1, taskSize/t.width, t.rows/maxTasks)
	return (rows + blockRows - 1) / blockRows * blockRows
}

// tasks counts the tasks; the last one is the row left over, if there is one.
func (t table) tasks() int {
	n := (t.rows + t.taskRows() - 1) / t.taskRows()
	if t.left > 0 {
		n++
	}
	return n
}

// A span is a part of x: rows that start stride elements apart, of which it has
// the first cols elements each.
type span struct {
	from, rows, cols, stride int
}

func (t table) task(i int) span {
	first := i * t.taskRows()
	if first >= t.rows {
		return span{t.rows * t.width, 1, t.left, t.width}
	}
	return span{first * t.width, min(t.taskRows(), t.rows-first), t.width, t.width}
}

// each calls f once for each task.
func (t table) each(p *pool.Pool, f func(at span)) {
	p.Run(t.tasks(), func(task int) { f(t.task(task)) })
}

// blocks calls f for each block of rows of a span, in order.
func (all span) blocks(f func(at span)) {
	for r := 0; r < all.rows; r += blockRows {
		f(span{all.from + r*all.stride, min(blockRows, all.rows-r), all.cols, all.stride})
	}
}

// sums is two quantities for each column.
type sums[T float32 | float64] [2][]T

// sum adds up two quantities over the rows: f adds those of a block to acc. The
// sums of the tasks are joined in order, and then the columns that were read as
// one row.
func (t table) sum(p *pool.Pool, lv cpu.Level, s *Scratch, f func(acc sums[float32], at span)) sums[float64] {
	tasks := t.tasks()
	if n := 2 * tasks * t.width; len(s.sums) < n {
		s.sums = make([]float64, n)
	}
	p.Run(tasks, func(task int) {
		acc := s.sums[2*task*t.width : 2*(task+1)*t.width]
		clear(acc)
		block := p.Borrow(2 * t.width)
		defer p.Return(block)
		t.task(task).blocks(func(at span) {
			clear(block)
			f(sums[float32]{block[:t.width], block[t.width:]}, at)
			widen(lv, acc, block)
		})
	})
	return t.join(p, s.sums[:2*tasks*t.width])
}

// join adds the sums of all tasks to those of the first, in order, and then the
// columns that were read as one row.
func (t table) join(p *pool.Pool, parts []float64) sums[float64] {
	const share = 256 // of a task's sums that one task here joins
	n := 2 * t.width
	p.Run((n+share-1)/share, func(i int) {
		from, to := i*share, min((i+1)*share, n)
		total := parts[from:to]
		for part := parts[n:]; len(part) > 0; part = part[n:] {
			for c, v := range part[from:to] {
				total[c] += v
			}
		}
	})
	out := sums[float64]{parts[:t.width], parts[t.width:n]}
	for i, v := range out {
		for c := t.cols; c < t.width; c++ {
			v[c%t.cols] += v[c]
		}
		out[i] = v[:t.cols]
	}
	return out
}

// sampleMeans sets shift to about the means of a few rows of x, spread over all of
// it. A column with one value all through gets exactly that value. row and tmp have
// t.cols elements.
func sampleMeans[E Element](t table, lv cpu.Level, x []E, shift, row, tmp []float32) {
	rows := len(x) / t.cols
	n, mean := min(samples, rows), shift[:t.cols]
	for i := range n {
		for c, e := range x[i*rows/n*t.cols:][:t.cols] {
			row[c] = value(e)
		}
		if i == 0 {
			copy(mean, row)
			continue
		}
		eltwise.Binary(lv, eltwise.Sub, tmp, row, mean)
		eltwise.MulAdd(lv, mean, tmp, []float32{1 / float32(i+1)}, mean)
	}
	t.repeat(shift)
}

// repeat copies the first cols elements of each parameter to the other rows that
// are read as one.
func (t table) repeat(params ...[]float32) {
	for _, p := range params {
		for done := t.cols; done < t.width; done *= 2 {
			copy(p[done:], p[:done])
		}
	}
}
