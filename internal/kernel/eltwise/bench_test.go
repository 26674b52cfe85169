package eltwise

import (
	"fmt"
	"math"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// BenchmarkTile works on tiles of 1024 elements that lie in the first-level cache,
// as the interpreter of fused chains does.
func BenchmarkTile(b *testing.B) {
	const n = 1024
	x, y, dst := operands(n)
	m := &meter{b: b, elements: n}
	m.run("op=copy", 2, func() { copy(dst, x) })
	for _, lv := range cpu.Levels() {
		for _, op := range []Op{Add, Div, Max, Gt} {
			m.run(fmt.Sprintf("op=%s/impl=%s", binaryNames[op], lv), 3, func() { Binary(lv, op, dst, x, y) })
		}
		m.run(fmt.Sprintf("op=maxscalar/impl=%s", lv), 2, func() { BinaryScalar(lv, Max, dst, x, 0) })
		m.run(fmt.Sprintf("op=select/impl=%s", lv), 4, func() { Select(lv, dst, x, x, y) })
		m.run(fmt.Sprintf("op=muladd/impl=%s", lv), 4, func() { MulAdd(lv, dst, x, y, y) })
		for _, op := range []Op{Neg, Sqrt, Rsqrt, Exp, Log, Tanh, Logistic} {
			m.run(fmt.Sprintf("op=%s/impl=%s", unaryNames[op], lv), 2, func() { Unary(lv, op, dst, x) })
		}
	}
}

// BenchmarkTensor works on tensors of 33 MB, all cores together.
func BenchmarkTensor(b *testing.B) {
	const n, tile = 1 << 23, 1 << 14
	p := pool.New(0)
	defer p.Close()
	x, y, dst := operands(n)
	m := &meter{b: b, elements: n}
	run := func(name string, tensors int, f func(dst, x, y []float32)) {
		m.run(name, tensors, func() {
			p.Run(n/tile, func(i int) { f(dst[i*tile:][:tile], x[i*tile:][:tile], y[i*tile:][:tile]) })
		})
	}
	run("op=copy", 2, func(dst, x, _ []float32) { copy(dst, x) })
	for _, lv := range cpu.Levels()[1:] {
		run(fmt.Sprintf("op=add/impl=%s", lv), 3, func(dst, x, y []float32) { Binary(lv, Add, dst, x, y) })
		run(fmt.Sprintf("op=exp/impl=%s", lv), 2, func(dst, x, _ []float32) { Unary(lv, Exp, dst, x) })
	}
}

func operands(n int) (x, y, dst []float32) {
	x, y, dst = make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(i%1000)/1000, float32(math.Sin(float64(i)))
	}
	return x, y, dst
}

// A meter runs benchmarks on tensors of one size. GB/s counts what is read and
// written; "copies" is that as a share of the first run, which copies a tensor.
type meter struct {
	b         *testing.B
	elements  int
	copySpeed float64 // bytes per ns
}

func (m *meter) run(name string, tensors int, f func()) {
	m.b.Run(fmt.Sprintf("n=%d/%s", m.elements, name), func(b *testing.B) {
		bytes := 4 * m.elements * tensors
		b.ReportAllocs()
		b.SetBytes(int64(bytes))
		for b.Loop() {
			f()
		}
		speed := float64(bytes*b.N) / float64(b.Elapsed().Nanoseconds())
		if m.copySpeed == 0 {
			m.copySpeed = speed
		}
		b.ReportMetric(speed/m.copySpeed, "copies")
	})
}
