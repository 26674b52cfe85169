//go:build !amd64 || purego

package nearest

import "alike/internal/kernel/cpu"

func aboveVector(cpu.Level, []int32, []float32, float32) (n, done int) { return 0, 0 }

func dotVector(cpu.Level, *[chains]float32, []float32, []float32) bool { return false }
