package eltwise

import (
	"math"

	"alike/internal/kernel/fma"
)

// The polynomials below, but for erf's, are those of Cephes (S. Moshier, single precision),
// evaluated with fused multiply-adds. gen/ holds the same steps for vector units;
// a change here is a change there.

// Ln 2 in two parts: the first has few enough bits that n*ln2Hi is exact for
// every exponent n, the second is what it lacks.
const (
	log2e = 0x1.715476p+0
	ln2Hi = 0x1.63p-1
	ln2Lo = -0x1.bd0106p-13
)

// horner evaluates a polynomial from its highest coefficient down.
func horner(x float32, coefficients []float32) float32 {
	p := coefficients[0]
	for _, c := range coefficients[1:] {
		p = fma.Float32(p, x, c)
	}
	return p
}

// expCoefficients are those of (e^r - 1 - r)/r² on |r| <= ln(2)/2.
var expCoefficients = []float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
}

// exp returns e^x = 2^n * e^r, with n the integer nearest to x/ln 2.
func exp(x float32) float32 {
	x = smallest(105, largest(-105, x)) // beyond lie +Inf and 0; NaN passes
	n := float32(math.RoundToEven(float64(x * log2e)))
	r := fma.Float32(n, -ln2Hi, x)
	r = fma.Float32(n, -ln2Lo, r)
	p := fma.Float32(horner(r, expCoefficients), r*r, r) + 1
	return float32(math.Ldexp(float64(p), int(n)))
}

// logCoefficients are those of (ln(1+f) - f + f²/2)/f³ on √½-1 <= f < √2-1.
var logCoefficients = []float32{
	7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
	-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
}

// log returns ln x = n ln 2 + ln(1+f), with x = 2^n (1+f).
func log(x float32) float32 {
	switch {
	case x == 0:
		return float32(math.Inf(-1))
	case x < 0:
		return float32(math.NaN())
	case !(x <= math.MaxFloat32):
		return x // +Inf or NaN
	}
	n := float32(0)
	if x < 0x1p-126 { // subnormal
		x, n = x*0x1p23, -23
	}
	const sqrtHalf = 0x3f3504f4 // the bits of the least float32 above √½
	bits := int32(math.Float32bits(x))
	i := (bits - sqrtHalf) >> 23
	f := math.Float32frombits(uint32(bits-i<<23)) - 1
	n += float32(i)
	f2 := f * f
	y := f * f2 * horner(f, logCoefficients)
	y = fma.Float32(n, ln2Lo, y)
	y = fma.Float32(-0.5, f2, y)
	return fma.Float32(n, ln2Hi, f+y)
}

// tanhCoefficients are those of (tanh(x) - x)/x³ in x², on |x| < 0.625.
var tanhCoefficients = []float32{
	-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
}

// tanh returns x + x³P(x²) near zero, and beyond it ±(1 - 2/(e^2|x| + 1)).
func tanh(x float32) float32 {
	a := float32(math.Abs(float64(x)))
	if a < 0.625 {
		s := x * x
		return fma.Float32(horner(s, tanhCoefficients), s*x, x)
	}
	t := 1 - 2/(exp(a+a)+1)
	return float32(math.Copysign(float64(t), float64(x)))
}

// logistic returns 1/(1+e^-x), written with e = e^-|x| so that nothing overflows:
// 1/(1+e) from zero up, e/(1+e) below.
func logistic(x float32) float32 {
	e := exp(-float32(math.Abs(float64(x))))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

// erf(x) = x P(x²)/Q(x²) on |x| < erfLimit, fitted there to a relative error of 2e-9; beyond it is ±1 in float32.
const erfLimit = 3.92

var (
	erfP = []float32{-1.27995881e-8, 4.60919e-6, 3.76757613e-4, 3.83862993e-3, 5.42439856e-2, 1.85135588e-1, 1.12837923}
	erfQ = []float32{6.23987653e-5, 1.30152458e-3, 1.54300574e-2, 1.13873847e-1, 4.97405529e-1, 1}
)

// erf returns the error function.
func erf(x float32) float32 {
	x = smallest(erfLimit, largest(-erfLimit, x)) // NaN passes
	s := x * x
	return x * horner(s, erfP) / horner(s, erfQ)
}
