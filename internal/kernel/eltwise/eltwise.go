// Package eltwise is arithmetic on float32 slices, element by element.
//
// It is made for tiles that lie in the first-level cache (up to about 1024
// elements): a caller that evaluates a chain of operations keeps the tile there
// and calls one function per operation. Nothing here allocates, starts goroutines
// or keeps state. Every operand has the length of dst, or length one, which stands
// for that value at every element. dst may be the same slice as an operand, but
// must not overlap one in another way.
//
// All variants (generic, AVX2, AVX-512) give the same bits, up to the payload of
// a NaN: each step is one correctly rounded operation of IEEE 754, in the same
// order. Subnormal numbers are kept.
package eltwise

import (
	"fmt"

	"alike/internal/kernel/cpu"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg eltwise

// Op names an operation; see the constants for what each computes.
type Op uint8

// Operations of two operands, for Binary.
//
// A comparison yields a mask: 1 where it holds, else 0. As in IEEE 754 each is
// false if an operand is NaN, but Ne is true then. And, Or and Xor take masks.
const (
	Add Op = iota
	Sub
	Mul
	Div
	Max // the larger; NaN if either is NaN; y if they are equal (so Max(0, -0) is -0)
	Min // the smaller; likewise
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	And
	Or
	Xor
	Pow   // as math.Pow, rounded to float32
	Rem   // as math.Mod: the sign of x
	Atan2 // as math.Atan2

	numBinary
)

// Operations of one operand, for Unary.
//
// Exp, Log, Tanh and Logistic are polynomials; their largest errors were found by
// trying every float32, in units in the last place of the result (ulp). Operations
// below them are evaluated in float64 by package math and rounded; they have no
// vector form.
const (
	Neg Op = iota + numBinary
	Abs
	Sign   // -1, 0 or 1; zeros keep their sign, and NaN stays NaN
	Square // x²
	Sqrt
	Rsqrt    // 1/√x, from a correctly rounded root and quotient
	Floor    // towards -∞
	Ceil     // towards +∞
	Round    // to nearest, ties to even
	Not      // of a mask
	IsNaN    // a mask
	IsFinite // a mask
	Exp      // e^x, within 1.02 ulp, also where the result is subnormal
	Log      // ln x, within 0.83 ulp; -∞ at 0, NaN below
	Tanh     // (e^2x - 1) / (e^2x + 1), within 1.34 ulp
	Logistic // 1 / (1 + e^-x), within 2.41 ulp
	Erf      // 2/√π ∫ e^-t² dt from 0 to x, within 6 ulp
	Expm1
	Log1p
	Sin
	Cos

	endUnary
)

// The operations that have a function of their own.
const (
	selectOp Op = iota + endUnary
	mulAddOp
)

// Binary sets dst[i] = x[i] op y[i].
func Binary(lv cpu.Level, op Op, dst, x, y []float32) {
	if op >= numBinary {
		panic(fmt.Sprintf("eltwise: operation %d does not take two operands", op))
	}
	check(dst, x, y)
	if len(dst) > 0 && !vector(lv, op, dst, x, y, nil) {
		binaryGeneric(op, dst, x, y)
	}
}

// BinaryScalar sets dst[i] = x[i] op s.
func BinaryScalar(lv cpu.Level, op Op, dst, x []float32, s float32) {
	Binary(lv, op, dst, x, []float32{s})
}

// ScalarBinary sets dst[i] = s op y[i].
func ScalarBinary(lv cpu.Level, op Op, dst []float32, s float32, y []float32) {
	Binary(lv, op, dst, []float32{s}, y)
}

// Unary sets dst[i] = op(x[i]).
func Unary(lv cpu.Level, op Op, dst, x []float32) {
	if op < Neg || op >= endUnary {
		panic(fmt.Sprintf("eltwise: operation %d does not take one operand", op))
	}
	check(dst, x)
	if len(dst) > 0 && !vector(lv, op, dst, x, nil, nil) {
		unaryGeneric(op, dst, x)
	}
}

// Select sets dst[i] = x[i] where mask[i] is not 0, else y[i].
func Select(lv cpu.Level, dst, mask, x, y []float32) {
	check(dst, mask, x, y)
	if len(dst) > 0 && !vector(lv, selectOp, dst, mask, x, y) {
		selectGeneric(dst, mask, x, y)
	}
}

// MulAdd sets dst[i] = x[i]*y[i] + z[i], rounded once.
func MulAdd(lv cpu.Level, dst, x, y, z []float32) {
	check(dst, x, y, z)
	if len(dst) > 0 && !vector(lv, mulAddOp, dst, x, y, z) {
		mulAddGeneric(dst, x, y, z)
	}
}

// check panics unless every operand has the length of dst or length one.
func check(dst []float32, operands ...[]float32) {
	for i, x := range operands {
		if len(x) != len(dst) && len(x) != 1 {
			panic(fmt.Sprintf("eltwise: operand %d has %d elements, want %d or 1", i, len(x), len(dst)))
		}
	}
}
