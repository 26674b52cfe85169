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

// The sum is cut into blocks of depth terms, so that what a task reads again and
// again stays in a level 2 cache: a panel of B, and its rows of A.
const (
	depth = 512
	rows  = 96
)

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
	t := newProduct(a, tile.For(lv, a.N))
	t.packed = p.Borrow(t.panels * a.K * t.kernel.Width)
	defer p.Return(t.packed)
	p.Run(t.panels, t.packPanel)
	p.Run(ceil(a.M, t.rows)*ceil(t.panels, t.columns), func(i int) {
		parts := ceil(t.panels, t.columns)
		t.task(p, i/parts*t.rows, i%parts*t.columns)
	})
}

// product is Args cut into tasks.
type product struct {
	*Args
	kernel          tile.Kernel
	aRow, aColumn   int // distances between elements of op(A)
	bRow, bColumn   int
	rows            int       // of a task
	panels, columns int       // of kernel.Width columns: in all, and of a task
	packed          []float32 // B as [panels][K][width], zeros beyond N
}

func newProduct(a *Args, kernel tile.Kernel) *product {
	t := &product{Args: a, kernel: kernel, aRow: a.LDA, aColumn: 1, bRow: a.LDB, bColumn: 1}
	if a.TransA {
		t.aRow, t.aColumn = 1, a.LDA
	}
	if a.TransB {
		t.bRow, t.bColumn = 1, a.LDB
	}
	t.panels = ceil(a.N, kernel.Width)
	t.rows, t.columns = rows, t.panels
	for t.rows > 24 && ceil(a.M, t.rows) < 16 { // small products have work for all, too
		t.rows /= 2
	}
	if tasks := ceil(a.M, t.rows); tasks < 16 {
		t.columns = ceil(t.panels, ceil(16, tasks))
	}
	return t
}

func (t *product) packPanel(i int) {
	first, width := i*t.kernel.Width, t.kernel.Width
	tile.Pack(t.packed[i*t.K*width:], width, t.B[first*t.bColumn:], t.K, t.bRow, min(width, t.N-first), t.bColumn)
}

// task computes some rows of some panels, from row and panel on.
func (t *product) task(p *pool.Pool, row, panel int) {
	m, width := min(t.rows, t.M-row), t.kernel.Width
	whole := m / t.kernel.Rows * t.kernel.Rows
	var groups []tile.Group
	for i := 0; i < whole; i += t.kernel.Rows {
		groups = append(groups, tile.Group{A: i * t.aRow, C: i * t.LDC})
	}
	var last []float32
	if whole < m {
		last = p.Borrow(t.kernel.Rows * t.K)
		defer p.Return(last)
		t.copyRows(last, row+whole, m-whole)
	}
	for k := 0; k < t.K; k += depth {
		q := tile.Product{
			Loops: [3]int{1, 1, min(depth, t.K-k)}, BStep: [3]int{0, 0, width},
			CRow: t.LDC, Add: t.Accumulate || k > 0,
		}
		for j := panel; j < min(panel+t.columns, t.panels); j++ {
			n := min(width, t.N-j*width)
			q.B = t.packed[(j*t.K+k)*width:]
			q.A, q.ARow, q.AStep = t.A[row*t.aRow+k*t.aColumn:], t.aRow, [3]int{0, 0, t.aColumn}
			q.C = t.C[row*t.LDC+j*width:]
			t.kernel.Do(&q, groups, t.kernel.Rows, n)
			if whole < m {
				q.A, q.ARow, q.AStep = last[k:], t.K, [3]int{0, 0, 1}
				q.C = t.C[(row+whole)*t.LDC+j*width:]
				t.kernel.Do(&q, []tile.Group{{}}, m-whole, n)
			}
		}
	}
}

// copyRows copies n rows of op(A) from row on.
func (t *product) copyRows(dst []float32, row, n int) {
	for i := range n {
		for k := range t.K {
			dst[i*t.K+k] = t.A[(row+i)*t.aRow+k*t.aColumn]
		}
	}
}

func ceil(n, d int) int { return (n + d - 1) / d }
