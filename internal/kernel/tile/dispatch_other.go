//go:build !amd64 || purego

package tile

import "alike/internal/kernel/cpu"

func (d *Dot) vector(cpu.Level) bool   { return false }
func (q *Outer) vector(cpu.Level) bool { return false }
