// Package reduce sums float32 tensors along an axis, or takes their extremes.
//
// The result depends on the shape alone: sums are formed in blocks of fixed size,
// split into tasks by shape, and joined in a fixed order, whatever the number of
// workers and whichever variant (generic, AVX2, AVX-512) does the work.
package reduce

import (
	"fmt"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg reduce

// Op says what a reduction computes.
type Op uint8

// With n elements to reduce, sums are off by at most (blockLength/lanes + 8) u Σ|x|
// along rows and (blockRows + 2) u Σ|x| along columns, u = 2^-24, however large n
// is: blocks are summed in float32, and the blocks' sums in float64.
const (
	Sum Op = iota
	SumSquares
	Max // NaN if any element is NaN; -Inf of nothing
	Min // NaN if any element is NaN; +Inf of nothing

	numOps
)

// Axis reduces the middle axis of x [outer, n, inner] into dst [outer, inner]:
//
//	dst[o, i] = op over k of x[o, k, i]
//
// With inner = 1 that reduces rows, with outer = 1 columns, with both the whole
// tensor. Empty sums are 0. It allocates a few kilobytes, for sums over many rows
// up to a thirtieth of x.
func Axis(p *pool.Pool, lv cpu.Level, op Op, dst, x []float32, outer, n, inner int) {
	if op >= numOps {
		panic(fmt.Sprintf("reduce: unknown operation %d", op))
	}
	if len(dst) != outer*inner || len(x) != outer*n*inner {
		panic(fmt.Sprintf("reduce: %d elements into %d: want [%d %d %d]", len(x), len(dst), outer, n, inner))
	}
	switch {
	case len(dst) == 0:
	case inner == 1:
		rows(p, lv, op, dst, x, n)
	default:
		columns(p, lv, op, dst, x, n, inner)
	}
}

// taskSize is about how many elements one task reads: enough to hide what handing
// it out costs, few enough to keep many cores busy.
const taskSize = 1 << 15

func ceilDiv(a, b int) int { return (a + b - 1) / b }
