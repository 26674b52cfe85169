//go:build !amd64 || purego

package norm

import "alike/internal/kernel/cpu"

func momentsVector[E Element](_ cpu.Level, _ sums[float32], _ []E, _ []float32, _ span) int { return 0 }

func normalizeVector[E Element](_ cpu.Level, _ *Forward[E], _ affine, _ span) int { return 0 }

func gradSumsVector[E Element](_ cpu.Level, _ sums[float32], _ *Backward[E], _ affine, _ span) int {
	return 0
}

func gradInputVector[E Element](_ cpu.Level, _ *Backward[E], _ affine, _ [2][]float32, _ span) int {
	return 0
}

func widenVector(cpu.Level, []float64, []float32) int { return 0 }
