package main

import "math"

const (
	signBit = 1 << 31
	posInf  = 0x7f800000
)

var x1, x2, x3 = []string{"x"}, []string{"x", "y"}, []string{"x", "y", "z"}

// ops are the operations of package eltwise that have a vector form, by the name
// of their constant there.
var ops = []op{
	{"Add", x2, func(s set, v ...vec) vec { return s.add(v[0], v[1]) }},
	{"Sub", x2, func(s set, v ...vec) vec { return s.sub(v[0], v[1]) }},
	{"Mul", x2, func(s set, v ...vec) vec { return s.mul(v[0], v[1]) }},
	{"Div", x2, func(s set, v ...vec) vec { return s.div(v[0], v[1]) }},
	{"Max", x2, func(s set, v ...vec) vec { return s.keepNaN(v[0], s.max(v[0], v[1])) }},
	{"Min", x2, func(s set, v ...vec) vec { return s.keepNaN(v[0], s.min(v[0], v[1])) }},
	{"Eq", x2, comparison(eq)},
	{"Ne", x2, comparison(ne)},
	{"Lt", x2, comparison(lt)},
	{"Le", x2, comparison(le)},
	{"Gt", x2, comparison(gt)},
	{"Ge", x2, comparison(ge)},
	{"And", x2, func(s set, v ...vec) vec { return s.and(v[0], v[1]) }},
	{"Or", x2, func(s set, v ...vec) vec { return s.or(v[0], v[1]) }},
	{"Xor", x2, func(s set, v ...vec) vec { return s.xor(v[0], v[1]) }},
	{"Neg", x1, func(s set, v ...vec) vec { return s.xor(v[0], s.bits(signBit)) }},
	{"Abs", x1, func(s set, v ...vec) vec { return s.abs(v[0]) }},
	{"Sign", x1, sign},
	{"Square", x1, func(s set, v ...vec) vec { return s.mul(v[0], v[0]) }},
	{"Sqrt", x1, func(s set, v ...vec) vec { return s.sqrt(v[0]) }},
	{"Rsqrt", x1, func(s set, v ...vec) vec { return s.div(s.float(1), s.sqrt(v[0])) }},
	{"Floor", x1, func(s set, v ...vec) vec { return s.round(v[0], down) }},
	{"Ceil", x1, func(s set, v ...vec) vec { return s.round(v[0], up) }},
	{"Round", x1, func(s set, v ...vec) vec { return s.round(v[0], nearestEven) }},
	{"Not", x1, func(s set, v ...vec) vec { return s.xor(v[0], s.float(1)) }},
	{"IsNaN", x1, func(s set, v ...vec) vec { return s.mask(s.compare(unordered, v[0], v[0])) }},
	{"IsFinite", x1, func(s set, v ...vec) vec { return s.mask(s.compare(lt, s.abs(v[0]), s.bits(posInf))) }},
	{"Exp", x1, func(s set, v ...vec) vec { return s.exp(v[0]) }},
	{"Log", x1, logarithm},
	{"Tanh", x1, tanh},
	{"Logistic", x1, logistic},
	{"Erf", x1, erf},
	{"selectOp", x3, func(s set, v ...vec) vec { return s.blend(s.compare(ne, v[0], s.float(0)), v[1], v[2]) }},
	{"mulAddOp", x3, func(s set, v ...vec) vec { return s.fma(v[0], v[1], v[2]) }},
}

// keepNaN is x where x is NaN, else y.
func (s set) keepNaN(x, y vec) vec { return s.blend(s.compare(unordered, x, x), x, y) }

func (s set) abs(x vec) vec { return s.and(x, s.bits(^uint32(signBit))) }

func comparison(p predicate) func(s set, v ...vec) vec {
	return func(s set, v ...vec) vec { return s.mask(s.compare(p, v[0], v[1])) }
}

// sign is 1 with the sign of x, but x itself where that is 0 or NaN.
func sign(s set, v ...vec) vec {
	one := s.or(s.and(v[0], s.bits(signBit)), s.float(1))
	return s.blend(s.compare(eqOrNaN, v[0], s.float(0)), v[0], one)
}

// The rest is transcendental.go, step by step.

const (
	log2e = 0x1.715476p+0
	ln2Hi = 0x1.63p-1
	ln2Lo = -0x1.bd0106p-13
)

func (s set) horner(x vec, coefficients []float32) vec {
	p := s.float(coefficients[0])
	for _, c := range coefficients[1:] {
		p = s.fma(p, x, s.float(c))
	}
	return p
}

var expCoefficients = []float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
}

func (s set) exp(x vec) vec {
	x = s.min(s.float(105), s.max(s.float(-105), x))
	n := s.round(s.mul(x, s.float(log2e)), nearestEven)
	r := s.fma(n, s.float(-ln2Hi), x)
	r = s.fma(n, s.float(-ln2Lo), r)
	p := s.add(s.fma(s.horner(r, expCoefficients), s.mul(r, r), r), s.float(1))
	return s.scale(p, n)
}

var logCoefficients = []float32{
	7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
	-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
}

func logarithm(s set, v ...vec) vec {
	x := v[0]
	small := s.compare(lt, x, s.float(0x1p-126))
	bits := s.blend(small, s.mul(x, s.float(0x1p23)), x)
	i := s.shiftRight(s.subInt(bits, s.bits(sqrtHalf)), 23)
	f := s.sub(s.subInt(bits, s.shiftLeft(i, 23)), s.float(1))
	n := s.fromInt(i)
	n = s.blend(small, s.sub(n, s.float(23)), n)
	f2 := s.mul(f, f)
	y := s.mul(s.mul(f, f2), s.horner(f, logCoefficients))
	y = s.fma(n, s.float(ln2Lo), y)
	y = s.fma(s.float(-0.5), f2, y)
	y = s.fma(n, s.float(ln2Hi), s.add(f, y))
	y = s.blend(s.compare(lt, x, s.bits(posInf)), y, x)
	y = s.blend(s.compare(lt, x, s.float(0)), s.float(float32(math.NaN())), y)
	return s.blend(s.compare(eq, x, s.float(0)), s.float(float32(math.Inf(-1))), y)
}

// sqrtHalf is the bits of the least float32 above √½.
const sqrtHalf = 0x3f3504f4

var tanhCoefficients = []float32{
	-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
}

func tanh(s set, v ...vec) vec {
	x := v[0]
	a, x2 := s.abs(x), s.mul(x, x)
	near := s.fma(s.horner(x2, tanhCoefficients), s.mul(x2, x), x)
	far := s.sub(s.float(1), s.div(s.float(2), s.add(s.exp(s.add(a, a)), s.float(1))))
	far = s.or(far, s.and(x, s.bits(signBit)))
	return s.blend(s.compare(lt, a, s.float(0.625)), near, far)
}

func logistic(s set, v ...vec) vec {
	x := v[0]
	e := s.exp(s.or(x, s.bits(signBit)))
	top := s.blend(s.compare(lt, x, s.float(0)), e, s.float(1))
	return s.div(top, s.add(s.float(1), e))
}

const erfLimit = 3.92

var (
	erfP = []float32{-1.27995881e-8, 4.60919e-6, 3.76757613e-4, 3.83862993e-3, 5.42439856e-2, 1.85135588e-1, 1.12837923}
	erfQ = []float32{6.23987653e-5, 1.30152458e-3, 1.54300574e-2, 1.13873847e-1, 4.97405529e-1, 1}
)

func erf(s set, v ...vec) vec {
	x := s.min(s.float(erfLimit), s.max(s.float(-erfLimit), v[0]))
	square := s.mul(x, x)
	return s.div(s.mul(x, s.horner(square, erfP)), s.horner(square, erfQ))
}
