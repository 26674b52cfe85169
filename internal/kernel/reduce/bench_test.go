package reduce

import (
	"fmt"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// BenchmarkAxis reads tensors that fit the first-level cache and ones of 33 MB.
// "copies" is GB/s read as a share of the GB/s that copying such a tensor reads and
// writes, in the same process.
func BenchmarkAxis(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	const large, piece = 1 << 23, 1 << 14
	x, y := make([]float32, large), make([]float32, large)
	for i := range x {
		x[i] = 1 // memory that was never written is one page of zeros
	}
	copySpeed := map[bool]float64{} // bytes per ns, by whether large
	run := func(name string, elements, tensors int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(4 * elements * tensors))
			for b.Loop() {
				f()
			}
			speed, isLarge := float64(4*elements*tensors*b.N)/float64(b.Elapsed().Nanoseconds()), elements >= large
			if copySpeed[isLarge] == 0 {
				copySpeed[isLarge] = speed
			}
			b.ReportMetric(speed/copySpeed[isLarge], "copies")
		})
	}
	run("op=copy/n=4096", 4096, 2, func() { copy(y, x[:4096]) })
	run("op=copy/n=8388608", large, 2, func() {
		p.Run(large/piece, func(i int) { copy(y[i*piece:(i+1)*piece], x[i*piece:]) })
	})
	for _, s := range [][3]int{{1, 4096, 1}, {8, 512, 1}, {1, 64, 64}, {1, large, 1}, {1 << 14, 512, 1},
		{1, 1 << 19, 16}, {1, 1 << 17, 64}, {1, 1 << 14, 512}, {1024, 16, 512}} {
		outer, n, inner := s[0], s[1], s[2]
		for _, op := range []Op{Sum, Max} {
			for _, lv := range cpu.Levels()[1:] {
				run(fmt.Sprintf("op=%s/outer=%d/n=%d/inner=%d/impl=%s", names[op], outer, n, inner, lv), outer*n*inner, 1, func() {
					Axis(p, lv, op, y[:outer*inner], x[:outer*n*inner], outer, n, inner)
				})
			}
		}
	}
}
