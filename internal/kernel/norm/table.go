package norm

import "alike/internal/kernel/pool"

const (
	stripWidth = 64      // columns that a vector kernel takes at a time
	blockRows  = 64      // rows summed in float32; blocks are joined in float64
	taskSize   = 1 << 16 // elements of one task, about
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
	return (taskSize/t.width + blockRows - 1) / blockRows * blockRows
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

// sums is two quantities for each column.
type sums [2][]float64

// sum adds up two quantities over the rows: f adds those of a block to acc. The
// sums of the tasks are joined in order, and then the columns that were read as
// one row.
func (t table) sum(p *pool.Pool, s *Scratch, f func(acc sums, at span)) sums {
	tasks := t.tasks()
	if n := 2 * tasks * t.width; len(s.sums) < n {
		s.sums = make([]float64, n)
	}
	part := func(task int) []float64 { return s.sums[2*task*t.width : 2*(task+1)*t.width] }
	p.Run(tasks, func(task int) {
		acc, at := part(task), t.task(task)
		clear(acc)
		for rows := at.rows; rows > 0; rows -= blockRows {
			at.rows = min(rows, blockRows)
			f(sums{acc[:at.cols], acc[t.width:][:at.cols]}, at)
			at.from += at.rows * at.stride
		}
	})
	total := part(0)
	for task := 1; task < tasks; task++ {
		for c, v := range part(task) {
			total[c] += v
		}
	}
	out := sums{total[:t.width], total[t.width:]}
	for i, v := range out {
		for c := t.cols; c < t.width; c++ {
			v[c%t.cols] += v[c]
		}
		out[i] = v[:t.cols]
	}
	return out
}

// sampleMeans sets shift to the means of a few rows of x, spread over all of it.
func (t table) sampleMeans(x, shift []float32) {
	rows := len(x) / t.cols
	n := min(samples, rows)
	for c := range t.cols {
		var sum float64
		for i := range n {
			sum += float64(x[i*rows/n*t.cols+c])
		}
		shift[c] = float32(sum / float64(n))
	}
	for c := t.cols; c < t.width; c++ {
		shift[c] = shift[c-t.cols]
	}
}
