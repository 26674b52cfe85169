package eltwise

import (
	"fmt"
	"math"
	"testing"

	"alike/internal/kernel/cpu"
)

// BenchmarkTile works on tiles of 1024 elements that lie in the first-level cache,
// as the interpreter of fused chains does. GB/s counts what is read and written;
// "copies" is the speed as a share of copying the tile in the same process.
func BenchmarkTile(b *testing.B) {
	const n = 1024
	dst, x, y := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(i)/n, float32(math.Sin(float64(i)))
	}
	copySpeed := 0.0 // bytes per ns
	run := func(name string, tensors int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(4 * n * tensors))
			for b.Loop() {
				f()
			}
			speed := float64(4*n*tensors*b.N) / float64(b.Elapsed().Nanoseconds())
			if copySpeed == 0 {
				copySpeed = speed
			}
			b.ReportMetric(speed/copySpeed, "copies")
		})
	}
	run("op=copy", 2, func() { copy(dst, x) })
	for _, lv := range cpu.Levels() {
		for _, op := range []Op{Add, Div, Max, Gt} {
			run(fmt.Sprintf("op=%s/impl=%s", binaryNames[op], lv), 3, func() { Binary(lv, op, dst, x, y) })
		}
		run(fmt.Sprintf("op=maxscalar/impl=%s", lv), 2, func() { BinaryScalar(lv, Max, dst, x, 0) })
		run(fmt.Sprintf("op=select/impl=%s", lv), 4, func() { Select(lv, dst, x, x, y) })
		run(fmt.Sprintf("op=muladd/impl=%s", lv), 4, func() { MulAdd(lv, dst, x, y, y) })
		for _, op := range []Op{Neg, Sqrt, Rsqrt, Exp, Log, Tanh, Logistic} {
			run(fmt.Sprintf("op=%s/impl=%s", unaryNames[op], lv), 2, func() { Unary(lv, op, dst, x) })
		}
	}
}
