//go:build !amd64 || purego

package norm

import "alike/internal/kernel/cpu"

func momentsVector(_ cpu.Level, _ sums[float32], _, _ []float32, _ span) int { return 0 }

func normalizeVector(_ cpu.Level, _ *Forward, _, _, _ []float32, _ span) int { return 0 }

func gradSumsVector(_ cpu.Level, _ sums[float32], _ *Backward, _ []float32, _ span) int { return 0 }

func gradInputVector(_ cpu.Level, _ *Backward, _ []float32, _ [3][]float32, _ span) int { return 0 }

func widenVector(cpu.Level, []float64, []float32) int { return 0 }
