package eltwise

import (
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
)

// special are the values at which arithmetic has corners.
var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -2, 3, 0.625, -88, 88.72284, 89, -87.33655, -103.9, -104, 105, -1e4,
	0x1p-126, 0x1p-149, -0x1p-149, 0x1p-130, math.MaxFloat32, -math.MaxFloat32,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
}

// draw returns n values: special ones, moderate ones and any bits at all.
func draw(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(4) {
		case 0:
			x[i] = special[r.IntN(len(special))]
		case 1:
			x[i] = math.Float32frombits(r.Uint32())
		default:
			x[i] = float32(r.NormFloat64() * 4)
		}
	}
	return x
}

func drawMask(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(2))
	}
	return x
}

// guarded returns a copy of x that starts offset elements into an array of NaN
// with guards on both sides, and a function that reports whether they are intact.
// The guards' payload is their own, so that a write of NaN is seen too.
func guarded(x []float32, offset int) (inner []float32, intact func() bool) {
	const width, guard = 32, 0x7fc0beef
	all := make([]float32, offset+width+len(x)+width)
	for i := range all {
		all[i] = math.Float32frombits(guard)
	}
	from, to := offset+width, offset+width+len(x)
	copy(all[from:to], x)
	return all[from:to:to], func() bool {
		for i, v := range all {
			if (i < from || i >= to) && math.Float32bits(v) != guard {
				return false
			}
		}
		return true
	}
}

// same reports whether a and b have the same bits, or are both NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// agree runs f with the generic and every other variant, on operands of every
// length up to several vectors, in all alignments of an element, each operand
// whole or a single value; all must agree to the bit and keep the guards.
func agree(t *testing.T, name string, operands [][]float32, f func(lv cpu.Level, dst []float32, x [][]float32)) {
	t.Helper()
	for n := range len(operands[0]) + 1 {
		for single := range 1 << len(operands) {
			x := make([][]float32, len(operands))
			for i, o := range operands {
				x[i] = o[:n]
				if single>>i&1 == 1 {
					x[i] = o[n/2 : n/2+1]
				}
			}
			want := make([]float32, n)
			f(cpu.Generic, want, x)
			for _, lv := range cpu.Levels()[1:] {
				dst, intact := guarded(make([]float32, n), n%16)
				y := make([][]float32, len(x))
				for i := range x {
					y[i], _ = guarded(x[i], (n+5*i)%16)
				}
				f(lv, dst, y)
				if !intact() {
					t.Fatalf("%s/%s: n=%d single=%b: wrote past the end", name, lv, n, single)
				}
				for i := range dst {
					if !same(dst[i], want[i]) {
						t.Fatalf("%s/%s: n=%d single=%b: dst[%d] = %g, want %g", name, lv, n, single, i, dst[i], want[i])
					}
				}
			}
			if len(x[0]) == n { // in place
				dst := append([]float32(nil), x[0]...)
				x[0] = dst
				f(cpu.Detect(), dst, x)
				for i := range dst {
					if !same(dst[i], want[i]) {
						t.Fatalf("%s in place: n=%d: dst[%d] = %g, want %g", name, n, i, dst[i], want[i])
					}
				}
			}
		}
	}
}
