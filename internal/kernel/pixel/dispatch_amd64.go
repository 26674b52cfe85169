//go:build !purego

package pixel

import "alike/internal/kernel/cpu"

// Each function does a leading part of its operation by a vector kernel, whole groups
// of pixels, and returns how many pixels that was.

// groups is the number of pixels in the whole groups of n, none without vectors.
func groups(lv cpu.Level, n int) int {
	if lv < cpu.AVX2 {
		return 0
	}
	return n / group * group
}

func across(lv cpu.Level, r, g, b []float32, pix []uint8, t *Taps) int {
	n := groups(lv, len(r))
	if n == 0 || n != len(r) || len(pix) <= 3*t.Width {
		return 0 // the weights of a tap lie n apart; kernels read the byte after the row
	}
	if lv == cpu.AVX512 {
		acrossAVX512(&r[0], &g[0], &b[0], n, &pix[0], &t.First[0], &t.Weight[0], t.Count)
	} else {
		acrossAVX2(&r[0], &g[0], &b[0], n, &pix[0], &t.First[0], &t.Weight[0], t.Count)
	}
	return n
}

func down(lv cpu.Level, dst, src []float32, pitch int, w []float32) int {
	n := groups(lv, len(dst))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		downAVX512(&dst[0], &src[0], n, 4*pitch, &w[0], len(w))
	default:
		downAVX2(&dst[0], &src[0], n, 4*pitch, &w[0], len(w))
	}
	return n
}

func smooth(lv cpu.Level, dst, src []float32, c, stride int, w []float32) int {
	n := groups(lv, len(dst))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		smoothAVX512(&dst[0], &src[c], n, 4*stride, &w[0], len(w))
	default:
		smoothAVX2(&dst[0], &src[c], n, 4*stride, &w[0], len(w))
	}
	return n
}

func scale(lv cpu.Level, x []float32, a, b float32) int {
	n := groups(lv, len(x))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		scaleAVX512(&x[0], n, a, b)
	default:
		scaleAVX2(&x[0], n, a, b)
	}
	return n
}

func graySum(lv cpu.Level, lane *[group]float32, r, g, b []float32) int {
	n := groups(lv, len(r))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		graySumAVX512(&r[0], &g[0], &b[0], n, lane)
	default:
		graySumAVX2(&r[0], &g[0], &b[0], n, lane)
	}
	return n
}

func gray(lv cpu.Level, r, g, b []float32) int {
	n := groups(lv, len(r))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		grayAVX512(&r[0], &g[0], &b[0], n)
	default:
		grayAVX2(&r[0], &g[0], &b[0], n)
	}
	return n
}

func saturate(lv cpu.Level, r, g, b []float32, t float32) int {
	n := groups(lv, len(r))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		saturateAVX512(&r[0], &g[0], &b[0], n, t, 1-t)
	default:
		saturateAVX2(&r[0], &g[0], &b[0], n, t, 1-t)
	}
	return n
}

func hue(lv cpu.Level, r, g, b []float32, shift *[3]float32) int {
	n := groups(lv, len(r))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		hueAVX512(&r[0], &g[0], &b[0], n, shift)
	default:
		hueAVX2(&r[0], &g[0], &b[0], n, shift)
	}
	return n
}

func interleave(lv cpu.Level, dst, r, g, b []float32) int {
	n := groups(lv, len(r))
	switch {
	case n == 0:
	case lv == cpu.AVX512:
		interleaveAVX512(&r[0], &g[0], &b[0], n, &dst[0])
	default:
		interleaveAVX2(&r[0], &g[0], &b[0], n, &dst[0])
	}
	return n
}
