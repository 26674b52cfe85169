package pixel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
)

func BenchmarkPixels(b *testing.B) {
	const n = 1024
	p := colours(rand.New(rand.NewPCG(1, 1)), n)
	pix, dst := make([]uint8, 3*n+1), make([]float32, 3*n)
	taps := &Taps{Width: n, Count: 2, First: make([]int32, n), Weight: make([]float32, 2*n)}
	for x := range taps.First {
		taps.First[x] = int32(min(x, n-2))
	}
	w := []float32{0.4, 0.2, 0.1}
	for _, op := range []struct {
		name string
		run  func(lv cpu.Level)
	}{
		{"across", func(lv cpu.Level) { Across(lv, dst[:n], dst[n:2*n], dst[2*n:], pix, taps) }},
		{"down", func(lv cpu.Level) { Down(lv, dst[:n], p[0], 0, w[:2]) }},
		{"smooth", func(lv cpu.Level) { Smooth(lv, dst[:n-4], p[0], 2, 1, w) }},
		{"scale", func(lv cpu.Level) { Scale(lv, p[0], 1, 0) }},
		{"graysum", func(lv cpu.Level) { GraySum(lv, p[0], p[1], p[2]) }},
		{"saturate", func(lv cpu.Level) { Saturate(lv, p[0], p[1], p[2], 1) }},
		{"hue", func(lv cpu.Level) { Hue(lv, p[0], p[1], p[2], 0.1) }},
		{"interleave", func(lv cpu.Level) { Interleave(lv, dst, p[0], p[1], p[2]) }},
	} {
		for _, lv := range cpu.Levels() {
			b.Run(fmt.Sprintf("op=%s/n=%d/impl=%s", op.name, n, lv), func(b *testing.B) {
				for b.Loop() {
					op.run(lv)
				}
				b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpixels/s")
			})
		}
	}
}
