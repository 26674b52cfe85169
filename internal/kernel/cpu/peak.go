package cpu

//go:generate go run -C gen . -out ../fma_amd64.s -stubs ../fma_amd64.go -pkg cpu

import "time"

// PeakGFLOPS measures how many 10⁹ floating-point operations one core does in a
// second at a level, a fused multiply-add being two: what no kernel can exceed.
// It takes about 20 ms, and takes the best of several runs, for other processes
// disturb them. For Generic it is the speed of a loop of Go.
func PeakGFLOPS(lv Level) float64 {
	const rounds, runs = 100_000, 20
	best := time.Duration(1<<63 - 1)
	for range runs {
		start := time.Now()
		multiplyAdd(lv, rounds)
		best = min(best, time.Since(start))
	}
	return float64(2*rounds*accumulators*lanes(lv)) / float64(max(1, best.Nanoseconds()))
}

// accumulators is the number of independent sums in a loop.
const accumulators = 12

// lanes is the number of float32 in a vector.
func lanes(lv Level) int {
	switch lv {
	case AVX512:
		return 16
	case AVX2:
		return 8
	}
	return 1
}

// generic does rounds of one multiply-add for each accumulator; nobody needs the sum.
func generic(rounds int) float32 {
	var a, b, c, d, e, f, g, h, i, j, k, l float32
	x, y := float32(0.5), float32(rounds)
	for range rounds {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
		i, j, k, l = i*x+y, j*x+y, k*x+y, l*x+y
	}
	return a + b + c + d + e + f + g + h + i + j + k + l
}
