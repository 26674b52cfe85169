// Package gemm multiplies matrices of float32.
//
// Each element is one chain of fused multiply-adds over k: it depends on its
// row of A and its column of B alone, not on the other rows and columns, the
// number of workers or the variant (generic, AVX2, AVX-512).
package gemm

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
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
	In         *norm.Map // what to make of the rows of A first, or nil; not with TransA
}

// The sum is cut into blocks of depth terms, so that what a task reads again and
// again stays near: a panel of B in a level 1 cache, its rows of A in a level 2 cache.
const (
	depth    = 256
	rows     = 192
	minTasks = 16 // that even a small product is cut into
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
	t.level = lv
	t.packed = p.Borrow(t.panels * a.K * t.kernel.Width)
	defer p.Return(t.packed)
	p.Run(t.panels, t.packPanel)
	p.Run(t.bands*t.parts, func(i int) { t.task(p, i/t.parts, i%t.parts) })
}

// product is Args cut into tasks: rows and columns of C.
type product struct {
	*Args
	kernel        tile.Kernel
	level         cpu.Level
	panels        int       // of kernel.Width columns
	packed        []float32 // B as [panels][K][width], zeros beyond N
	rows, columns int       // of a task; columns in panels
	bands, parts  int       // how many of them
	bRow, bColumn int       // distances between elements of op(B)
}

func newProduct(a *Args, kernel tile.Kernel) *product {
	t := &product{Args: a, kernel: kernel, panels: ceil(a.N, kernel.Width), rows: rows, bRow: a.LDB, bColumn: 1}
	if a.TransB {
		t.bRow, t.bColumn = 1, a.LDB
	}
	for t.rows > 24 && ceil(a.M, t.rows) < minTasks {
		t.rows /= 2
	}
	t.bands = ceil(a.M, t.rows)
	t.columns = ceil(t.panels, ceil(minTasks, t.bands))
	t.parts = ceil(t.panels, t.columns)
	return t
}

func (t *product) packPanel(i int) {
	first, width := i*t.kernel.Width, t.kernel.Width
	tile.Pack(t.packed[i*t.K*width:], width, t.B[first*t.bColumn:], t.K, t.bRow, min(width, t.N-first), t.bColumn)
}

// task computes the rows of one band of C and the columns of one part.
func (t *product) task(p *pool.Pool, band, part int) {
	row, m, width := band*t.rows, min(t.rows, t.M-band*t.rows), t.kernel.Width
	a := p.Borrow((m + t.kernel.Rows) * (depth + skew))
	defer p.Return(a)
	for k := 0; k < t.K; k += depth {
		terms := min(depth, t.K-k)
		q := tile.Product{
			Loops: [3]int{1, 1, terms}, BStep: [3]int{0, 0, width},
			A: a, CRow: t.LDC, Add: t.Accumulate || k > 0,
		}
		q.ARow, q.AStep[2] = t.copyA(a, row, m, k, terms)
		whole, rest := t.groups(m, q.ARow)
		for j := part * t.columns; j < min((part+1)*t.columns, t.panels); j++ {
			q.B, q.C = t.packed[(j*t.K+k)*width:], t.C[row*t.LDC+j*width:]
			t.kernel.Do(&q, whole, t.kernel.Rows, min(width, t.N-j*width))
			t.kernel.Do(&q, rest, m%t.kernel.Rows, min(width, t.N-j*width))
		}
	}
}

// skew keeps rows that a tile reads side by side from falling into one set of
// the cache, as they would at a distance of a power of two.
const skew = 16

// copyA copies m rows of op(A) and n columns, and returns the distances between
// rows and columns of the copy.
func (t *product) copyA(dst []float32, row, m, k, n int) (rowStep, columnStep int) {
	if t.TransA {
		for j := range n {
			copy(dst[j*m:][:m], t.A[(k+j)*t.LDA+row:])
		}
		return 1, m
	}
	in := t.In
	if in != nil {
		in = in.Channels(k, n)
	}
	for i := range m {
		to, from := dst[i*(n+skew):][:n], t.A[(row+i)*t.LDA+k:]
		if in != nil {
			in.Apply(t.level, to, from)
		} else {
			copy(to, from)
		}
	}
	return n + skew, 1
}

// groups lists the groups of m rows; one that is not whole comes last.
func (t *product) groups(m, aRow int) (whole, rest []tile.Group) {
	var groups []tile.Group
	for i := 0; i < m; i += t.kernel.Rows {
		groups = append(groups, tile.Group{A: i * aRow, C: i * t.LDC})
	}
	n := m / t.kernel.Rows
	return groups[:n], groups[n:]
}

func ceil(n, d int) int { return (n + d - 1) / d }
