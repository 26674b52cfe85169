// Package gemm multiplies matrices of float32.
package gemm

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// Args describes C = op(A)·op(B), or C += op(A)·op(B) with Accumulate. op(A) is
// [M, K], op(B) is [K, N], C is [M, N]; op transposes where TransA or TransB
// says so, that is, A is then stored as [K, M]. All are row-major; LDA, LDB and
// LDC are the distances between the starts of stored rows, in floats. C must
// not overlap A or B.
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

// Run computes the product on the workers of p. The bits depend on the shape
// and the level, never on the number of workers.
func Run(p *pool.Pool, lv cpu.Level, a *Args) {
	p.Run(a.M, func(i int) {
		for j := range a.N {
			var sum float32
			for k := range a.K {
				x, y := i*a.LDA+k, k*a.LDB+j
				if a.TransA {
					x = k*a.LDA + i
				}
				if a.TransB {
					y = j*a.LDB + k
				}
				sum += a.A[x] * a.B[y]
			}
			if a.Accumulate {
				sum += a.C[i*a.LDC+j]
			}
			a.C[i*a.LDC+j] = sum
		}
	})
}
