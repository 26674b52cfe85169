package nearest

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

// A panel holds chains rows of D values as D rows of chains; lanes of them are
// transposed at a time.
const (
	chains = 64
	lanes  = 16
)

// dot writes the products of x [D] with the rows of a panel [D, chains]: each is one
// chain of fused multiply-adds over D, as in package gemm.
func dot(lv cpu.Level, dst *[chains]float32, x, panel []float32) {
	_ = panel[:chains*len(x)]
	if dotVector(lv, dst, x, panel) {
		return
	}
	clear(dst[:])
	for k, v := range x {
		for j, y := range panel[k*chains:][:chains] {
			dst[j] = fma.Float32(v, y, dst[j])
		}
	}
}
