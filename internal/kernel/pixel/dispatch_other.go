//go:build !amd64 || purego

package pixel

import "alike/internal/kernel/cpu"

// Each function does a leading part of its operation by a vector kernel and returns
// how many pixels that was.

func across(cpu.Level, []float32, []float32, []float32, []uint8, *Taps) int   { return 0 }
func down(cpu.Level, []float32, []float32, int, []float32) int                { return 0 }
func smooth(cpu.Level, []float32, []float32, int, int, []float32) int         { return 0 }
func scale(cpu.Level, []float32, float32, float32) int                        { return 0 }
func graySum(cpu.Level, *[group]float32, []float32, []float32, []float32) int { return 0 }
func gray(cpu.Level, []float32, []float32, []float32) int                     { return 0 }
func saturate(cpu.Level, []float32, []float32, []float32, float32) int        { return 0 }
func hue(cpu.Level, []float32, []float32, []float32, *[3]float32) int         { return 0 }
func interleave(cpu.Level, []float32, []float32, []float32, []float32) int    { return 0 }
