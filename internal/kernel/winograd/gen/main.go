// Command gen writes the vector kernels of package winograd: transform.generic is
// the loops, and the functions of oned.go what they compute.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants are in memory as whole vectors, since AVX2 broadcasts none.
var constants = []float32{2, -2, 4, 8, -4, -5, 1. / 4, -1. / 6, 1. / 24, 1. / 12, 1. / 6}

const maxLanes = 16

func main() {
	ConstraintExpr("!purego")
	table := GLOBL("constants", RODATA|NOPTR)
	for i, c := range constants {
		for lane := range maxLanes {
			DATA(4*(i*maxLanes+lane), U32(math.Float32bits(c)))
		}
	}
	for _, t := range []transform{
		{"input", 6, 6, (*set).input, false}, {"output", 6, 4, (*set).output, false}, {"outputAdd", 6, 4, (*set).output, true},
		{"outputGrad", 4, 6, (*set).outputGrad, false}, {"weights", 3, 6, (*set).weights, false}, {"weightsGrad", 6, 3, (*set).weightsGrad, false},
	} {
		(&set{suffix: "AVX512", lanes: 16, constants: table}).write(t)
		(&set{suffix: "AVX2", lanes: 8, constants: table}).write(t)
	}
	Generate()
}

// transform applies a function of in values to out values to the columns and then
// to the rows of blocks.
type transform struct {
	name    string
	in, out int
	line    func(s *set, x []reg.VecVirtual) []reg.VecVirtual
	add     bool // to what is there
}

// set is an instruction set.
type set struct {
	suffix    string
	lanes     int
	constants Mem
}

// write writes a kernel that transforms the blocks of n vectors that follow
// each other. Distances of rows and columns are in bytes.
func (s *set) write(t transform) {
	TEXT(t.name+s.suffix, 0, "func(src *float32, srcRow, srcCol int, dst *float32, dstRow, dstCol int, n int)")
	Pragma("noescape")
	src, dst := Load(Param("src"), GP64()), Load(Param("dst"), GP64())
	srcRow, srcCol := Load(Param("srcRow"), GP64()), Load(Param("srcCol"), GP64())
	dstRow, dstCol := Load(Param("dstRow"), GP64()), Load(Param("dstCol"), GP64())
	n := Load(Param("n"), GP64())
	bytes := 4 * s.lanes
	local, aligned := AllocLocal(t.out*t.in*bytes+4*maxLanes), GP64()
	LEAQ(local.Offset(4*maxLanes-1), aligned)
	ANDQ(I32(-4*maxLanes), aligned)
	columns := Mem{Base: aligned} // [out][in] vectors: the columns' transforms
	Label("block")
	column, at := GP64(), GP64()
	MOVQ(src, column)
	for j := range t.in {
		MOVQ(column, at)
		x := make([]reg.VecVirtual, t.in)
		for i := range x {
			x[i] = s.vec()
			VMOVUPS(Mem{Base: at}, x[i])
			if i+1 < t.in {
				ADDQ(srcRow, at)
			}
		}
		for i, v := range t.line(s, x) {
			VMOVUPS(v, columns.Offset((i*t.in+j)*bytes))
		}
		ADDQ(srcCol, column)
	}
	row := GP64()
	MOVQ(dst, row)
	for i := range t.out {
		x := make([]reg.VecVirtual, t.in)
		for j := range x {
			x[j] = s.vec()
			VMOVUPS(columns.Offset((i*t.in+j)*bytes), x[j])
		}
		MOVQ(row, at)
		for j, v := range t.line(s, x) {
			if t.add {
				VADDPS(Mem{Base: at}, v, v)
			}
			VMOVUPS(v, Mem{Base: at})
			if j+1 < t.out {
				ADDQ(dstCol, at)
			}
		}
		ADDQ(dstRow, row)
	}
	ADDQ(I32(bytes), src)
	ADDQ(I32(bytes), dst)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

func (s *set) vec() reg.VecVirtual {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (s *set) constant(c float32) Mem {
	for i, v := range constants {
		if v == c {
			return s.constants.Offset(4 * maxLanes * i)
		}
	}
	panic("no such constant")
}

func (s *set) add(x, y reg.VecVirtual) reg.VecVirtual {
	z := s.vec()
	VADDPS(y, x, z)
	return z
}

func (s *set) sub(x, y reg.VecVirtual) reg.VecVirtual {
	z := s.vec()
	VSUBPS(y, x, z)
	return z
}

func (s *set) mul(c float32, x reg.VecVirtual) reg.VecVirtual {
	z := s.vec()
	VMULPS(s.constant(c), x, z)
	return z
}

// fma returns c x + y, rounded once.
func (s *set) fma(c float32, x, y reg.VecVirtual) reg.VecVirtual {
	z := s.vec()
	VMOVAPS(y, z)
	VFMADD231PS(s.constant(c), x, z)
	return z
}

func (s *set) input(x []reg.VecVirtual) []reg.VecVirtual {
	a, b := s.fma(-4, x[2], x[4]), s.fma(-4, x[1], x[3])
	c, d := s.sub(x[4], x[2]), s.sub(x[3], x[1])
	return []reg.VecVirtual{
		s.fma(4, x[0], s.fma(-5, x[2], x[4])),
		s.add(a, b), s.sub(a, b),
		s.fma(2, d, c), s.fma(-2, d, c),
		s.fma(4, x[1], s.fma(-5, x[3], x[5])),
	}
}

func (s *set) output(x []reg.VecVirtual) []reg.VecVirtual {
	a, b := s.add(x[1], x[2]), s.sub(x[1], x[2])
	c, d := s.add(x[3], x[4]), s.sub(x[3], x[4])
	return []reg.VecVirtual{
		s.add(s.add(x[0], a), c), s.fma(2, d, b), s.fma(4, c, a), s.add(s.fma(8, d, b), x[5]),
	}
}

func (s *set) outputGrad(x []reg.VecVirtual) []reg.VecVirtual {
	a, b := s.add(x[0], x[2]), s.add(x[1], x[3])
	c, d := s.fma(4, x[2], x[0]), s.fma(4, x[3], x[1])
	return []reg.VecVirtual{x[0], s.add(a, b), s.sub(a, b), s.fma(2, d, c), s.fma(-2, d, c), x[3]}
}

func (s *set) weights(x []reg.VecVirtual) []reg.VecVirtual {
	a := s.mul(-1./6, s.add(x[0], x[2]))
	b := s.mul(1./6, x[1])
	c := s.fma(1./6, x[2], s.mul(1./24, x[0]))
	d := s.mul(1./12, x[1])
	return []reg.VecVirtual{s.mul(1./4, x[0]), s.sub(a, b), s.add(a, b), s.add(c, d), s.sub(c, d), x[2]}
}

func (s *set) weightsGrad(x []reg.VecVirtual) []reg.VecVirtual {
	a, b := s.add(x[1], x[2]), s.sub(x[2], x[1])
	c, d := s.add(x[3], x[4]), s.sub(x[3], x[4])
	return []reg.VecVirtual{
		s.fma(1./24, c, s.fma(-1./6, a, s.mul(1./4, x[0]))),
		s.fma(1./12, d, s.mul(1./6, b)),
		s.add(s.fma(1./6, c, s.mul(-1./6, a)), x[5]),
	}
}
