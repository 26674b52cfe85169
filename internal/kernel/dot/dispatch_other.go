//go:build !amd64 || purego

package dot

import "alike/internal/kernel/cpu"

func floats4(_ cpu.Level, dst *[4]float32, _, _, _, _, _ []float32) int { return floats4Generic(dst) }

func ints4(_ cpu.Level, dst *[4]int32, _ []int16, _, _, _, _ []int8) int { return ints4Generic(dst) }

func fetch4(_ cpu.Level, _, _, _, _ []int8) {}
