package eltwise

import (
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
)

// longest is several vectors of every variant and a tail.
const longest = 83

var binaryNames = map[Op]string{
	Add: "add", Sub: "sub", Mul: "mul", Div: "div", Max: "max", Min: "min", Eq: "eq", Ne: "ne", Lt: "lt", Le: "le",
	Gt: "gt", Ge: "ge", And: "and", Or: "or", Xor: "xor", Pow: "pow", Rem: "rem", Atan2: "atan2",
}

var unaryNames = map[Op]string{
	Neg: "neg", Abs: "abs", Sign: "sign", Square: "square", Sqrt: "sqrt", Rsqrt: "rsqrt", Floor: "floor", Ceil: "ceil",
	Round: "round", Not: "not", IsNaN: "isnan", IsFinite: "isfinite", Exp: "exp", Log: "log", Tanh: "tanh",
	Logistic: "logistic", Expm1: "expm1", Log1p: "log1p", Sin: "sin", Cos: "cos", Erf: "erf",
}

func TestVariantsAgreeToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for op := range numBinary {
		operands := [][]float32{draw(r, longest), draw(r, longest)}
		if op == And || op == Or || op == Xor {
			operands = [][]float32{drawMask(r, longest), drawMask(r, longest)}
		}
		agree(t, binaryNames[op], operands, func(lv cpu.Level, dst []float32, x [][]float32) {
			Binary(lv, op, dst, x[0], x[1])
		})
	}
	for op := Neg; op < endUnary; op++ {
		operands := [][]float32{draw(r, longest)}
		if op == Not {
			operands = [][]float32{drawMask(r, longest)}
		}
		agree(t, unaryNames[op], operands, func(lv cpu.Level, dst []float32, x [][]float32) {
			Unary(lv, op, dst, x[0])
		})
	}
	agree(t, "select", [][]float32{drawMask(r, longest), draw(r, longest), draw(r, longest)},
		func(lv cpu.Level, dst []float32, x [][]float32) { Select(lv, dst, x[0], x[1], x[2]) })
	agree(t, "muladd", [][]float32{draw(r, longest), draw(r, longest), draw(r, longest)},
		func(lv cpu.Level, dst []float32, x [][]float32) { MulAdd(lv, dst, x[0], x[1], x[2]) })
}

func TestVariantsAgreeOnManyValues(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const n = 1 << 16
	x, y, want, got := draw(r, n), draw(r, n), make([]float32, n), make([]float32, n)
	compare := func(name string, f func(lv cpu.Level, dst []float32)) {
		f(cpu.Generic, want)
		for _, lv := range cpu.Levels()[1:] {
			f(lv, got)
			for i := range got {
				if !same(got[i], want[i]) {
					t.Fatalf("%s/%s: x=%g y=%g: got %g, want %g", name, lv, x[i], y[i], got[i], want[i])
				}
			}
		}
	}
	for op := range And {
		compare(binaryNames[op], func(lv cpu.Level, dst []float32) { Binary(lv, op, dst, x, y) })
	}
	for op := Neg; op < Expm1; op++ {
		if op != Not {
			compare(unaryNames[op], func(lv cpu.Level, dst []float32) { Unary(lv, op, dst, x) })
		}
	}
}

// ulp is the distance of two neighbouring float32 at x, in float64.
func ulp(x float64) float64 {
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-24, -149))
}

// TestPolynomialsAgainstFloat64 holds each polynomial to its documented error, on
// random arguments over the range where its results are neither 0 nor infinite.
func TestPolynomialsAgainstFloat64(t *testing.T) {
	for _, c := range []struct {
		op       Op
		f        func(float64) float64
		min, max float64
		ulps     float64
	}{
		{Exp, math.Exp, -104, 88.7228, 1.02},
		{Log, math.Log, 0, math.MaxFloat32, 0.83},
		{Tanh, math.Tanh, -10, 10, 1.34},
		{Erf, math.Erf, -6, 6, 6},
		{Logistic, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -104, 20, 2.41},
	} {
		r := rand.New(rand.NewPCG(3, 3))
		var worst, at float64
		for i := range 300_000 {
			x := float32(c.min + (c.max-c.min)*r.Float64())
			switch i % 3 {
			case 1: // every exponent
				x = math.Float32frombits(r.Uint32())
			case 2: // around 0 and 1
				x = float32(r.NormFloat64())
			}
			if !(float64(x) >= c.min && float64(x) <= c.max) {
				continue
			}
			want := c.f(float64(x))
			var got [1]float32
			Unary(cpu.Detect(), c.op, got[:], []float32{x})
			err := math.Abs(float64(got[0])-want) / ulp(want)
			if err > worst || err != err {
				worst, at = err, float64(x)
			}
		}
		t.Logf("%s: %.3f ulp at %g", unaryNames[c.op], worst, at)
		if !(worst <= c.ulps) {
			t.Errorf("%s: %.3f ulp at %g, want at most %g", unaryNames[c.op], worst, at, c.ulps)
		}
	}
}

func TestPolynomialsAtTheEnds(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		op      Op
		x, want float32
	}{
		{Exp, inf, inf}, {Exp, -inf, 0}, {Exp, nan, nan}, {Exp, 0, 1}, {Exp, 88.7229, inf}, {Exp, -104, 0},
		{Exp, math.MaxFloat32, inf}, {Exp, -math.MaxFloat32, 0}, {Exp, -103, 0x1p-149}, {Exp, 0x1p-149, 1},
		{Log, 0, -inf}, {Log, float32(math.Copysign(0, -1)), -inf}, {Log, -1, nan}, {Log, -inf, nan}, {Log, inf, inf},
		{Log, nan, nan}, {Log, 1, 0}, {Log, 0x1p-149, -103.27893}, {Log, math.MaxFloat32, 88.72284},
		{Tanh, inf, 1}, {Tanh, -inf, -1}, {Tanh, nan, nan}, {Tanh, 0, 0}, {Tanh, 0x1p-149, 0x1p-149}, {Tanh, -20, -1},
		{Logistic, inf, 1}, {Logistic, -inf, 0}, {Logistic, nan, nan}, {Logistic, 0, 0.5}, {Logistic, 200, 1},
		{Sign, 0, 0}, {Sign, nan, nan}, {Sign, -3, -1}, {Rsqrt, 0, inf}, {Rsqrt, inf, 0}, {Rsqrt, -1, nan},
	} {
		for _, lv := range cpu.Levels() {
			var got [1]float32
			Unary(lv, c.op, got[:], []float32{c.x})
			if !same(got[0], c.want) {
				t.Errorf("%s/%s(%g) = %g, want %g", unaryNames[c.op], lv, c.x, got[0], c.want)
			}
		}
	}
}

func TestMaxAndMinKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, lv := range cpu.Levels() {
		for _, op := range []Op{Max, Min} {
			var got [2]float32
			Binary(lv, op, got[:], []float32{nan, 1}, []float32{1, nan})
			if got[0] == got[0] || got[1] == got[1] {
				t.Errorf("%s/%s of NaN and 1 is %v, want NaN", binaryNames[op], lv, got)
			}
		}
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Binary(cpu.Generic, Add, make([]float32, 3), make([]float32, 3), make([]float32, 2))
}
