//go:build !amd64 || purego

package bf16

import "alike/internal/kernel/cpu"

func widenVector(cpu.BF16, []float32, []T) int { return 0 }

func narrowVector(cpu.BF16, []T, []float32) int { return 0 }

func interleaveVector(cpu.BF16, []T, int, []T, int, int, int) int { return 0 }

func transposeWordsVector(cpu.BF16, []T, int, []T, int, int, int) (int, int) { return 0, 0 }

func transposeVector(cpu.BF16, []T, int, []T, int, int, int) bool { return false }

func (k Kernel) halfVector(*Product, []T, []T, []Group, int, int, []float32) bool { return false }

func (k Kernel) floatVector(*Product, []float32, bool, []Group) bool { return false }
