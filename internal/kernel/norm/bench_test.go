package norm

import (
	"fmt"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/page"
	"alike/internal/kernel/pool"
)

// BenchmarkNorm runs each pass over tensors of 33 MB, 8 MB and 256 KB. GB/s counts
// what is read and written once; "copies" is that as a share of the speed of
// copying a tensor of the same size in the same process.
func BenchmarkNorm(b *testing.B) {
	p := pool.New(0)
	defer p.Close()
	var s Scratch
	x, y, dy, dx := page.Floats(1<<23), page.Floats(1<<23), page.Floats(1<<23), page.Floats(1<<23)
	for i := range x {
		x[i], dy[i] = float32(i%1000)/1000, float32(i%77-33)
	}
	for _, n := range []int{1 << 23, 1 << 21, 1 << 16} {
		copySpeed := 0.0 // bytes per ns
		run := func(name string, tensors int, f func()) {
			b.Run(fmt.Sprintf("bytes=%d/%s", 4*n, name), func(b *testing.B) {
				b.SetBytes(int64(4 * n * tensors))
				b.ReportAllocs()
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
		const piece = 1 << 14
		run("pass=copy", 2, func() {
			p.Run(n/piece, func(i int) { copy(y[i*piece:(i+1)*piece], x[i*piece:]) })
		})
		for _, cols := range []int{16, 64, 128, 512} {
			vec := func() []float32 { return x[:cols] }
			f := Forward[float32]{X: x[:n], Y: y[:n], Mean: vec(), Variance: vec(), Scale: vec(), Offset: vec(), Epsilon: epsilon, ReLU: true}
			fr := f
			fr.Residual = dy[:n]
			g := Backward[float32]{X: x[:n], DY: dy[:n], Mean: vec(), Variance: vec(), Scale: vec(), Epsilon: epsilon,
				DScale: make([]float32, cols), DOffset: make([]float32, cols), DX: dx[:n]}
			gr := g
			gr.Y = y[:n]
			own := g
			own.Offset = vec()
			mean, variance := make([]float32, cols), make([]float32, cols)
			for _, lv := range cpu.Levels()[1:] {
				name := func(pass string) string { return fmt.Sprintf("pass=%s/C=%d/impl=%s", pass, cols, lv) }
				run(name("stats"), 1, func() { Stats(p, lv, &s, f.X, mean, variance) })
				run(name("relu"), 2, func() { Normalize(p, lv, &s, &f) })
				run(name("residual"), 3, func() { Normalize(p, lv, &s, &fr) })
				run(name("gradsums"), 2, func() { GradSums(p, lv, &s, &g) })
				run(name("gradsumsrelu"), 3, func() { GradSums(p, lv, &s, &gr) })
				run(name("gradsumsown"), 2, func() { GradSums(p, lv, &s, &own) })
				run(name("gradinputown"), 3, func() { GradInput(p, lv, &s, &own) })
				run(name("gradinput"), 3, func() { GradInput(p, lv, &s, &g) })
				run(name("gradinputrelu"), 4, func() { GradInput(p, lv, &s, &gr) })
			}
		}
	}
}
