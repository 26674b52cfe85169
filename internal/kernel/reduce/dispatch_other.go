package reduce

import "alike/internal/kernel/cpu"

func blockVector(_ cpu.Level, _ Op, _ []float32, _ int, _ *[lanes]float32) (float32, bool) {
	return 0, false
}

func columnsVector(_ cpu.Level, _ Op, _ []float64, _ []float32, _, _ int) int { return 0 }
