//go:build !purego

package nearest

import "alike/internal/kernel/cpu"

// group is the number of scores that the kernels look at together.
const group = 64

// dotVector is false where there is no kernel.
func dotVector(lv cpu.Level, dst *[chains]float32, x, panel []float32) bool {
	if lv != cpu.AVX512 || len(x) == 0 {
		return false
	}
	dotAVX512(&dst[0], &x[0], len(x), &panel[0])
	return true
}

// aboveVector looks at whole groups of scores, done in all, and finds n.
func aboveVector(lv cpu.Level, dst []int32, scores []float32, floor float32) (n, done int) {
	done = len(scores) / group * group
	switch {
	case done == 0 || lv == cpu.Generic:
		return 0, 0
	case lv == cpu.AVX512:
		return aboveAVX512(&dst[0], &scores[0], done, floor), done
	default:
		return aboveAVX2(&dst[0], &scores[0], done, floor), done
	}
}
