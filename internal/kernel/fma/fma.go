// Package fma is the fused multiply-add of float32 in portable Go, so that the
// generic kernels give the very bits of the vector units' instructions.
package fma

import "math"

// Float32 returns x*y + z with one rounding, as VFMADD does.
//
// The product of two float32 is exact in float64. The sum is rounded to odd
// (Boldo and Melquiond 2008): if it was inexact, its last bit is made 1. Rounding
// that to float32 then gives what a single rounding would have given.
func Float32(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s := p + c
	v := s - p
	lost := (p - (s - v)) + (c - v) // TwoSum: p + c == s + lost, exactly
	if bits := math.Float64bits(s); (lost > 0 || lost < 0) && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}
