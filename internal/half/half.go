// Package half rounds to IEEE 754's binary16, to nearest and of two the even one. (GoMLX's float16, which
// reads them, does not round all that lies half way between two of the smallest so.)
package half

import "math"

// Bits is the binary16 nearest to x. What is beyond 65504 by half of its last place or more becomes infinite.
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
