package eltwise

import (
	"math"

	"alike/internal/kernel/fma"
)

// step is how far an operand moves from one element to the next: a single value
// stays where it is.
func step(x []float32) int {
	if len(x) == 1 {
		return 0
	}
	return 1
}

func binaryGeneric(op Op, dst, x, y []float32) {
	f, dx, dy := binary[op], step(x), step(y)
	for i := range dst {
		dst[i] = f(x[i*dx], y[i*dy])
	}
}

func unaryGeneric(op Op, dst, x []float32) {
	f, dx := unary[op], step(x)
	for i := range dst {
		dst[i] = f(x[i*dx])
	}
}

func selectGeneric(dst, mask, x, y []float32) {
	dm, dx, dy := step(mask), step(x), step(y)
	for i := range dst {
		if mask[i*dm] != 0 {
			dst[i] = x[i*dx]
		} else {
			dst[i] = y[i*dy]
		}
	}
}

func mulAddGeneric(dst, x, y, z []float32) {
	dx, dy, dz := step(x), step(y), step(z)
	for i := range dst {
		dst[i] = fma.Float32(x[i*dx], y[i*dy], z[i*dz])
	}
}

var binary = [numBinary]func(x, y float32) float32{
	Add:   func(x, y float32) float32 { return x + y },
	Sub:   func(x, y float32) float32 { return x - y },
	Mul:   func(x, y float32) float32 { return x * y },
	Div:   func(x, y float32) float32 { return x / y },
	Max:   largest,
	Min:   smallest,
	Eq:    func(x, y float32) float32 { return mask(x == y) },
	Ne:    func(x, y float32) float32 { return mask(x != y) },
	Lt:    func(x, y float32) float32 { return mask(x < y) },
	Le:    func(x, y float32) float32 { return mask(x <= y) },
	Gt:    func(x, y float32) float32 { return mask(x > y) },
	Ge:    func(x, y float32) float32 { return mask(x >= y) },
	And:   func(x, y float32) float32 { return mask(x != 0 && y != 0) },
	Or:    func(x, y float32) float32 { return mask(x != 0 || y != 0) },
	Xor:   func(x, y float32) float32 { return mask((x != 0) != (y != 0)) },
	Pow:   inFloat64x2(math.Pow),
	Rem:   inFloat64x2(math.Mod),
	Atan2: inFloat64x2(math.Atan2),
}

var unary = [endUnary]func(x float32) float32{
	Neg:      func(x float32) float32 { return -x },
	Abs:      inFloat64(math.Abs),
	Sign:     sign,
	Square:   func(x float32) float32 { return x * x },
	Sqrt:     inFloat64(math.Sqrt), // rounding twice is harmless for a root
	Rsqrt:    func(x float32) float32 { return 1 / float32(math.Sqrt(float64(x))) },
	Floor:    inFloat64(math.Floor),
	Ceil:     inFloat64(math.Ceil),
	Round:    inFloat64(math.RoundToEven),
	Not:      func(x float32) float32 { return mask(x == 0) },
	IsNaN:    func(x float32) float32 { return mask(x != x) },
	IsFinite: func(x float32) float32 { return mask(math.Abs(float64(x)) <= math.MaxFloat32) },
	Exp:      exp,
	Log:      log,
	Tanh:     tanh,
	Logistic: logistic,
	Erf:      erf,
	Expm1:    inFloat64(math.Expm1),
	Log1p:    inFloat64(math.Log1p),
	Sin:      inFloat64(math.Sin),
	Cos:      inFloat64(math.Cos),
}

func inFloat64(f func(float64) float64) func(float32) float32 {
	return func(x float32) float32 { return float32(f(float64(x))) }
}

func inFloat64x2(f func(x, y float64) float64) func(x, y float32) float32 {
	return func(x, y float32) float32 { return float32(f(float64(x), float64(y))) }
}

func mask(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

func largest(x, y float32) float32 {
	if x > y || x != x {
		return x
	}
	return y
}

func smallest(x, y float32) float32 {
	if x < y || x != x {
		return x
	}
	return y
}

func sign(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}
