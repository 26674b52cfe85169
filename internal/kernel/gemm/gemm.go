// Package gemm multiplies matrices of float32.
//
// Each element is one chain of fused multiply-adds over k: it depends on its
// row of A and its column of B alone, not on the other rows and columns, the
// number of workers or the variant (generic, AVX2, AVX-512).
package gemm

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// Args describes C = op(A)·op(B), or C += op(A)·op(B) with Accumulate.
// op(A) is [M, K], op(B) is [K, N], C is [M, N]; op transposes where TransA or
// TransB says so, that is, A is then stored as [K, M]. All are row-major; LDA,
// LDB and LDC are the distances between the starts of stored rows, in floats.
// C must not overlap A or B.
type Args struct {
	M, N, K    int
	A          []float32
	LDA        int
	TransA     bool
	B          []float32
	LDB        int
	TransB     bool
	C          []float32
	LDC        int
	Accumulate bool
}

// block is the number of rows of A that a task multiplies with all of B; a
// multiple of what any tile holds.
const block = 192

// Run computes the product on the workers of p.
func Run(p *pool.Pool, lv cpu.Level, a *Args) {
	if a.M == 0 || a.N == 0 {
		return
	}
	if a.K == 0 {
		for i := 0; i < a.M && !a.Accumulate; i++ {
			clear(a.C[i*a.LDC:][:a.N])
		}
		return
	}
	width, groups := tile.Width(lv, a.N)
	panels := (a.N + width - 1) / width
	packed := p.Borrow(panels * a.K * width)
	defer p.Return(packed)
	p.Run(panels, func(i int) { a.packB(packed[i*a.K*width:][:a.K*width], i*width, width) })
	rows := block
	for rows > 24 && a.M < 8*rows { // small products still have work for all
		rows /= 2
	}
	p.Run((a.M+rows-1)/rows, func(i int) {
		t := task{Args: a, lv: lv, width: width, groups: groups, first: i * rows, rows: min(rows, a.M-i*rows)}
		if a.TransA || t.rows%4 != 0 {
			t.x, t.pixel = p.Borrow((t.rows+3)*a.K), a.K
			defer p.Return(t.x)
			t.packA()
		} else {
			t.x, t.pixel = a.A[t.first*a.LDA:], a.LDA
		}
		t.spill = p.Borrow(4 * tile.MaxGroups * width)
		defer p.Return(t.spill)
		for j := range panels {
			t.panel(packed[j*a.K*width:], j*width)
		}
	})
}

// packB writes columns [from, from+width) of op(B), zeros beyond N.
func (a *Args) packB(dst []float32, from, width int) {
	n := min(width, a.N-from)
	if n < width {
		clear(dst)
	}
	if !a.TransB {
		for k := range a.K {
			copy(dst[k*width:][:n], a.B[k*a.LDB+from:])
		}
		return
	}
	for o := range n {
		for k, v := range a.B[(from+o)*a.LDB:][:a.K] {
			dst[k*width+o] = v
		}
	}
}

// task is some rows of the product.
type task struct {
	*Args
	lv            cpu.Level
	width, groups int
	first, rows   int
	x             []float32 // rows of op(A), pixel floats apart
	pixel         int
	spill         []float32 // results that do not fit C as they are
}

// packA copies the task's rows of op(A), and zeros up to a multiple of four.
func (t *task) packA() {
	clear(t.x[t.rows*t.K:])
	for i := range t.rows {
		row := t.x[i*t.K:][:t.K]
		if !t.TransA {
			copy(row, t.A[(t.first+i)*t.LDA:])
			continue
		}
		for k := range row {
			row[k] = t.A[k*t.LDA+t.first+i]
		}
	}
}

// panel computes width columns from o on.
func (t *task) panel(w []float32, o int) {
	d := tile.Dot{Width: t.width, Groups: t.groups, Rows: 1, Run: t.K, X: t.x, Pixel: t.pixel, W: w}
	columns := min(t.width, t.N-o)
	step := 4 * t.groups
	for row := 0; row < t.rows; row += step {
		whole := columns == t.width && row+step <= t.rows && !t.Accumulate
		for g := range t.groups {
			d.At[g] = min(row+4*g, (t.rows-1)/4*4) * t.pixel
			d.To[g] = 4 * g * t.width
			if whole {
				d.To[g] = (t.first+row+4*g)*t.LDC + o
			}
		}
		if whole {
			d.Y, d.YPixel = t.C, t.LDC
			d.Do(t.lv)
			continue
		}
		d.Y, d.YPixel = t.spill, t.width
		d.Do(t.lv)
		for i := range min(step, t.rows-row) {
			t.store(t.C[(t.first+row+i)*t.LDC+o:][:columns], t.spill[i*t.width:])
		}
	}
}

func (t *task) store(c, sum []float32) {
	if !t.Accumulate {
		copy(c, sum)
		return
	}
	for i := range c {
		c[i] += sum[i]
	}
}
