// Command gen writes the vector kernels of package tile.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	avx512, avx2 := set{"AVX512", 16}, set{"AVX2", 8}
	avx512.product(3, 2)
	avx512.product(6, 1)
	avx2.product(3, 1)
	for _, rows := range []int{8, 4} {
		avx512.outer(rows, 2)
		avx512.outer(rows, 1)
		avx2.outer(rows, 1)
	}
	Generate()
}

// A set is an instruction set.
type set struct {
	name  string
	lanes int // of a vector
}

func (s set) vec() reg.VecVirtual {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (s set) zero() reg.VecVirtual {
	v := s.vec()
	if s.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// mulAdd adds the element at m times each of b to the accumulators.
func (s set) mulAdd(m Mem, b, acc []reg.VecVirtual) {
	if s.lanes == 16 {
		for j := range b {
			VFMADD231PS_BCST(m, b[j], acc[j])
		}
		return
	}
	v := YMM()
	VBROADCASTSS(m, v)
	for j := range b {
		VFMADD231PS(v, b[j], acc[j])
	}
}

func (s set) load(base reg.Register, vectors int) []reg.VecVirtual {
	b := make([]reg.VecVirtual, vectors)
	for j := range b {
		b[j] = s.vec()
		VMOVUPS(Mem{Base: base, Disp: 4 * s.lanes * j}, b[j])
	}
	return b
}

// product writes the kernel of 4 groups pixels by vectors registers of channels:
// for each of rows rows, run steps along the pixels' values and the weights.
func (s set) product(groups, vectors int) {
	width := s.lanes * vectors
	TEXT(fmt.Sprintf("product%d%s", width, s.name), NOSPLIT,
		fmt.Sprintf("func(rows, run int, x *[%d]*float32, pixel, row int, w *float32, y *[%d]*float32, yPixel int)", groups, groups))
	Pragma("noescape")
	rows := Load(Param("rows"), GP64())
	ptr := Load(Param("x"), GP64())
	x := make([]reg.Register, groups)
	for g := range x {
		r := GP64()
		MOVQ(Mem{Base: ptr, Disp: 8 * g}, r)
		x[g] = r
	}
	pixel := Load(Param("pixel"), GP64())
	w := Load(Param("w"), GP64())
	pixel3 := GP64()
	LEAQ(Mem{Base: pixel, Index: pixel, Scale: 2}, pixel3)
	acc := make([][]reg.VecVirtual, 4*groups)
	for i := range acc {
		for range vectors {
			acc[i] = append(acc[i], s.zero())
		}
	}
	k := GP64()
	Label("row")
	Load(Param("run"), k)
	Label("step")
	b := s.load(w, vectors)
	for g := range groups {
		for p, m := range []Mem{
			{Base: x[g]},
			{Base: x[g], Index: pixel, Scale: 1},
			{Base: x[g], Index: pixel, Scale: 2},
			{Base: x[g], Index: pixel3, Scale: 1},
		} {
			s.mulAdd(m, b, acc[4*g+p])
		}
	}
	for g := range groups {
		ADDQ(U8(4), x[g])
	}
	ADDQ(U32(4*width), w)
	DECQ(k)
	JNZ(LabelRef("step"))
	skip := Load(Param("row"), k)
	for g := range groups {
		ADDQ(skip, x[g])
	}
	DECQ(rows)
	JNZ(LabelRef("row"))

	ptr = Load(Param("y"), GP64())
	step := Load(Param("yPixel"), GP64())
	y := GP64()
	for g := range groups {
		MOVQ(Mem{Base: ptr, Disp: 8 * g}, y)
		for p := range 4 {
			for j := range vectors {
				VMOVUPS(acc[4*g+p][j], Mem{Base: y, Disp: 4 * s.lanes * j})
			}
			if p < 3 {
				ADDQ(step, y)
			}
		}
	}
	VZEROUPPER()
	RET()
}

// outer writes the kernel that adds the outer products of n values of x and
// vectors registers of dy to dw, over rows rows of columns pixels.
func (s set) outer(n, vectors int) {
	TEXT(fmt.Sprintf("outer%dx%d%s", n, s.lanes*vectors, s.name), NOSPLIT,
		"func(rows, columns int, x *float32, xPixel, xRow int, dy *float32, dyPixel int, dw *float32, dwRow int)")
	Pragma("noescape")
	rows := Load(Param("rows"), GP64())
	x := Load(Param("x"), GP64())
	xPixel := Load(Param("xPixel"), GP64())
	xRow := Load(Param("xRow"), GP64())
	dy := Load(Param("dy"), GP64())
	dyPixel := Load(Param("dyPixel"), GP64())
	dw := Load(Param("dw"), GP64())
	dwRow := Load(Param("dwRow"), GP64())
	at := GP64()
	MOVQ(dw, at)
	acc := make([][]reg.VecVirtual, n)
	for i := range acc {
		acc[i] = s.load(at, vectors)
		ADDQ(dwRow, at)
	}
	k := GP64()
	Label("row")
	Load(Param("columns"), k)
	Label("pixel")
	b := s.load(dy, vectors)
	for i := range acc {
		s.mulAdd(Mem{Base: x, Disp: 4 * i}, b, acc[i])
	}
	ADDQ(xPixel, x)
	ADDQ(dyPixel, dy)
	DECQ(k)
	JNZ(LabelRef("pixel"))
	ADDQ(xRow, x)
	DECQ(rows)
	JNZ(LabelRef("row"))
	for i := range acc {
		for j := range vectors {
			VMOVUPS(acc[i][j], Mem{Base: dw, Disp: 4 * s.lanes * j})
		}
		ADDQ(dwRow, dw)
	}
	VZEROUPPER()
	RET()
}
