// Package half converts between float32 and IEEE 754's binary16.
package half

import "math"

// Value is the value of a binary16.
func Value(bits uint16) float32 {
	sign, exponent, fraction := float64(1), int(bits>>10&31), float64(bits&1023)
	if bits>>15 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(fraction, -24), sign))
	case 31:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// Bits is the binary16 nearest to x, of two the even one. What is beyond 65504 by half of its last
// place or more becomes infinite.
func Bits(x float32) uint16 {
	sign := uint16(math.Float32bits(x) >> 16 & 0x8000)
	a := math.Abs(float64(x))
	switch {
	case a != a:
		return sign | 0x7e00
	case a >= 65520:
		return sign | 0x7c00
	case a < 0x1p-14: // multiples of the smallest
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	fraction, exponent := math.Frexp(a) // a = fraction 2^exponent, fraction in [1/2, 1)
	return sign | uint16((exponent+14)<<10+int(math.RoundToEven(fraction*2048))-1024)
}
