//go:build !amd64 || purego

package reduce

import "alike/internal/kernel/cpu"

func blockVector(cpu.Level, Op, []float32, *[lanes]float32) (v float32, ok bool) { return 0, false }

func columnsVector(_ cpu.Level, _ Op, _, _ []float32, _, _ int) int { return 0 }

func widenVector(cpu.Level, Op, []float64, []float32) int { return 0 }
