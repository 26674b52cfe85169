//go:build !amd64 || purego

package winograd

import "alike/internal/kernel/cpu"

func (t *transform) vector(cpu.Level, grid, grid, int) int { return 0 }
