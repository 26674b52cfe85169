// Command gen writes the vector kernels of package nearest.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is the number of scores that are looked at together.
const group = 64

// greater is the predicate of VCMPPS that is false for NaN.
const greater = 0x1e

func main() {
	ConstraintExpr("!purego")
	avx512()
	avx2()
	dot512()
	Generate()
}

// scan is the part of a kernel that does not depend on the instruction set.
type scan struct {
	start, dst, x, n, place reg.GPVirtual
}

func begin(name string) scan {
	TEXT(name, NOSPLIT, "func(dst *int32, x *float32, n int, floor float32) int")
	Pragma("noescape")
	s := scan{GP64(), GP64(), GP64(), GP64(), GP64()}
	Load(Param("dst"), s.dst)
	Load(Param("x"), s.x)
	Load(Param("n"), s.n)
	MOVQ(s.dst, s.start)
	XORQ(s.place, s.place)
	return s
}

// next goes on to the next group; after the last it returns how many places were
// written.
func (s scan) next() {
	Label("next")
	ADDQ(U32(4*group), s.x)
	ADDQ(U32(group), s.place)
	CMPQ(s.place, s.n)
	JLT(LabelRef("loop"))
	SUBQ(s.start, s.dst)
	SHRQ(U8(2), s.dst)
	Store(s.dst, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// write writes the places whose bits are set in the mask of vector j: from the
// lowest on, clearing each.
func (s scan) write(j, lanes int, mask reg.GPVirtual) {
	loop, done := fmt.Sprintf("write%d", j), fmt.Sprintf("done%d", j)
	TESTL(mask, mask)
	JZ(LabelRef(done))

	Label(loop)
	bit, less := GP32(), GP32()
	BSFL(mask, bit)
	LEAL(Mem{Base: bit, Index: s.place, Scale: 1, Disp: lanes * j}, bit)
	MOVL(bit, Mem{Base: s.dst})
	ADDQ(U8(4), s.dst)
	LEAL(Mem{Base: mask, Disp: -1}, less)
	ANDL(less, mask)
	JNZ(LabelRef(loop))

	Label(done)
}

func avx512() {
	const lanes = 16
	s := begin("aboveAVX512")
	floor := ZMM()
	VBROADCASTSS(NewParamAddr("floor", 24), floor)

	Label("loop")
	var masks []reg.OpmaskVirtual
	for j := range group / lanes {
		m := K()
		VCMPPS(U8(greater), floor, loadZ(s.x, j), m)
		masks = append(masks, m)
	}
	low, high := K(), K()
	KORW(masks[0], masks[1], low)
	KORW(masks[2], masks[3], high)
	KORTESTW(low, high)
	JZ(LabelRef("next"))
	for j, m := range masks {
		mask := GP32()
		KMOVW(m, mask)
		s.write(j, lanes, mask)
	}
	s.next()
}

func loadZ(x reg.Register, j int) reg.VecVirtual {
	v := ZMM()
	VMOVUPS(Mem{Base: x, Disp: 64 * j}, v)
	return v
}

func avx2() {
	const lanes = 8
	s := begin("aboveAVX2")
	floor := YMM()
	VBROADCASTSS(NewParamAddr("floor", 24), floor)

	Label("loop")
	var masks []reg.VecVirtual
	for j := range group / lanes {
		m := YMM()
		VMOVUPS(Mem{Base: s.x, Disp: 32 * j}, m)
		VCMPPS(U8(greater), floor, m, m)
		masks = append(masks, m)
	}
	any := YMM()
	VORPS(masks[0], masks[1], any)
	for _, m := range masks[2:] {
		VORPS(m, any, any)
	}
	found := GP32()
	VMOVMSKPS(any, found)
	TESTL(found, found)
	JZ(LabelRef("next"))
	for j, m := range masks {
		mask := GP32()
		VMOVMSKPS(m, mask)
		s.write(j, lanes, mask)
	}
	s.next()
}
