//go:build !amd64 || purego

package bf16

import "alike/internal/kernel/cpu"

func widenVector(cpu.Level, []float32, []T) int { return 0 }

func narrowVector(cpu.Level, []T, []float32) int { return 0 }

func interleaveVector(cpu.Level, []T, int, []T, int, int, int) int { return 0 }

func transposeWordsVector(cpu.Level, []T, int, []T, int, int, int) (int, int) { return 0, 0 }

func transposeVector(cpu.Level, []T, int, []T, int, int, int) bool { return false }

func (k Kernel) halfVector(*Product, []T, []T, []Group, int, int, []float32) bool { return false }

func (k Kernel) floatVector(*Product, []float32, bool, []Group) bool { return false }

func transposeRowsVector(cpu.Level, []T, int, []T, *[block]int, int) int { return 0 }
