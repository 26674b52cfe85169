// Package bf16 is the innermost loops on bfloat16: products with sums in
// float32, and the moves that bring operands into the order that products want,
// in which the two elements of a pair of the sum are neighbours.
//
// Unlike those on float32, products depend on the unit (cpu.BF16) in their last
// bits: each joins the terms of a sum in its own order, and vector units take
// subnormal numbers for 0. Moves are the same everywhere.
package bf16

import (
	"unsafe"

	"github.com/gomlx/compute/dtypes/bfloat16"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg bf16

// T is an element.
type T = bfloat16.BFloat16

// Borrow lends n elements of a pool's memory, for Return.
func Borrow(p *pool.Pool, n int) []T { return Of(p.Borrow((n + 1) / 2))[:n] }

// Return gives borrowed memory back.
func Return(p *pool.Pool, b []T) {
	b = b[:cap(b)]
	p.Return(unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2))
}

// Of is the memory of floats as twice as many elements.
func Of(floats []float32) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(floats))), 2*cap(floats))[:2*len(floats)]
}

// Widen converts src to float32, exactly.
func Widen(lv cpu.Level, dst []float32, src []T) {
	for i := widenVector(lv, dst, src); i < len(src); i++ {
		dst[i] = src[i].Float32()
	}
}

// Narrow rounds src to the nearest element, to the even one of two.
func Narrow(lv cpu.Level, dst []T, src []float32) {
	for i := narrowVector(lv, dst, src); i < len(src); i++ {
		dst[i] = bfloat16.FromFloat32(src[i])
	}
}

// Interleave makes pairs of rows of src, which are srcRow elements apart: it writes
// a[0], b[0], a[1], b[1] and so on for the first columns elements of rows a and b =
// a+1; pairs are dstRow elements apart. Without a last b, zeros stand for it.
func Interleave(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, rows, columns int) {
	done := interleaveVector(lv, dst, dstRow, src, srcRow, rows/2, columns)
	for i := 0; i < rows; i += 2 {
		from, to := 0, dst[i/2*dstRow:][:2*columns]
		if i+1 < rows {
			from = done
		}
		a := src[i*srcRow:][:columns]
		for j := from; j < columns; j++ {
			to[2*j], to[2*j+1] = a[j], 0
			if i+1 < rows {
				to[2*j+1] = src[(i+1)*srcRow+j]
			}
		}
	}
}

// block is the side of the blocks that transpositions go by.
const block = 16

// TransposePairs writes the pair of elements at word j of row i of src to word i
// of row j of dst, for rows rows of words words; rows are srcRow and dstRow
// elements apart.
func TransposePairs(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, rows, words int) {
	whole, part := transposeWordsVector(lv, dst, dstRow, src, srcRow, rows, words)
	for i := range rows {
		from := 0
		if i < whole {
			from = part
		}
		for j := from; j < words; j++ {
			copy(dst[j*dstRow+2*i:][:2], src[i*srcRow+2*j:])
		}
	}
}

// TransposeRows is TransposePairs of 16 rows that begin anywhere in src, row i at
// element at[i].
func TransposeRows(lv cpu.Level, dst []T, dstRow int, src []T, at *[block]int, words int) {
	done := transposeRowsVector(lv, dst, dstRow, src, at, words)
	for i, first := range at {
		for j := done; j < words; j++ {
			copy(dst[j*dstRow+2*i:][:2], src[first+2*j:])
		}
	}
}

// Transpose writes element j of row i of src to element i of row j of dst, for
// rows rows, a multiple of 32, of columns columns, a multiple of 16.
func Transpose(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, rows, columns int) {
	if transposeVector(lv, dst, dstRow, src, srcRow, rows, columns) {
		return
	}
	for i := range rows {
		for j := range columns {
			dst[j*dstRow+i] = src[i*srcRow+j]
		}
	}
}
