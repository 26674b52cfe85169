//go:build !purego

package reduce

import "alike/internal/kernel/cpu"

// blockVector is blockGeneric by a vector kernel, if there is one.
func blockVector(lv cpu.Level, op Op, x []float32, last *[lanes]float32) (v float32, ok bool) {
	first, n := &last[0], len(x)/lanes
	if n > 0 {
		first = &x[0]
	}
	switch lv {
	case cpu.AVX512:
		return blockAVX512(op, first, n, &last[0]), true
	case cpu.AVX2:
		return blockAVX2(op, first, n, &last[0]), true
	}
	return 0, false
}

// These call kernels by name, not through a variable, to keep last off the heap.

func blockAVX512(op Op, x *float32, n int, last *float32) float32 {
	switch op {
	case Sum:
		return blockSumAVX512(x, n, last)
	case SumSquares:
		return blockSumSquaresAVX512(x, n, last)
	case Max:
		return blockMaxAVX512(x, n, last)
	}
	return blockMinAVX512(x, n, last)
}

func blockAVX2(op Op, x *float32, n int, last *float32) float32 {
	switch op {
	case Sum:
		return blockSumAVX2(x, n, last)
	case SumSquares:
		return blockSumSquaresAVX2(x, n, last)
	case Max:
		return blockMaxAVX2(x, n, last)
	}
	return blockMinAVX2(x, n, last)
}

// columnsVector is columnsGeneric for the first columns, and returns how many.
func columnsVector(lv cpu.Level, op Op, acc, x []float32, rows, stride int) int {
	cols := strips(lv, len(acc))
	if cols == 0 || rows == 0 {
		return cols
	}
	a, first, stride := &acc[0], &x[0], 4*stride
	switch op {
	case Sum:
		pick(lv, columnsSumAVX2, columnsSumAVX512)(a, first, rows, cols, stride)
	case SumSquares:
		pick(lv, columnsSumSquaresAVX2, columnsSumSquaresAVX512)(a, first, rows, cols, stride)
	case Max:
		pick(lv, columnsMaxAVX2, columnsMaxAVX512)(a, first, rows, cols, stride)
	case Min:
		pick(lv, columnsMinAVX2, columnsMinAVX512)(a, first, rows, cols, stride)
	}
	return cols
}

// widenVector is widenGeneric for the first columns, and returns how many.
func widenVector(lv cpu.Level, op Op, acc []float64, x []float32) int {
	n := strips(lv, len(x))
	if n == 0 || op == Max || op == Min {
		return 0
	}
	pick(lv, widenAVX2, widenAVX512)(&acc[0], &x[0], n)
	return n
}

// strips is how many of the columns a vector kernel takes.
func strips(lv cpu.Level, cols int) int {
	if lv == cpu.Generic {
		return 0
	}
	return cols / stripWidth * stripWidth
}

func pick[F any](lv cpu.Level, avx2, avx512 F) F {
	if lv == cpu.AVX512 {
		return avx512
	}
	return avx2
}
