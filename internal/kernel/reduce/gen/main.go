// Command gen writes the vector kernels of package reduce: for each operation and
// instruction set one along a row and one across columns.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is the number of partial results of a row, and the number of columns that
// the code is written out for.
const lanes = 64

func main() {
	ConstraintExpr("!purego")
	for _, s := range []set{{"AVX512", 16}, {"AVX2", 8}} {
		for _, op := range ops {
			s.block(op)
			s.columns(op)
		}
		s.widen()
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

func (s set) load(m Mem) reg.VecVirtual {
	v := s.vec()
	VMOVUPS(m, v)
	return v
}

// block writes func(x *float32, n int, last *float32) float32. Lanes begin with
// the group last, take in n groups from x on, and are folded into one.
func (s set) block(op op) {
	TEXT("block"+op.name+s.name, NOSPLIT, "func(x *float32, n int, last *float32) float32")
	Pragma("noescape")
	x, n, last := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("last"), GP64())
	at := func(base reg.Register, j int) Mem { return Mem{Base: base, Disp: 4 * s.lanes * j} }
	var acc []reg.VecVirtual
	for j := range lanes / s.lanes {
		v := s.load(at(last, j))
		op.start(v)
		acc = append(acc, v)
	}
	TESTQ(n, n)
	JZ(LabelRef("fold"))

	Label("loop")
	for j, a := range acc {
		op.accumulate(s.load(at(x, j)), a)
	}
	ADDQ(U32(4*lanes), x)
	DECQ(n)
	JNZ(LabelRef("loop"))

	Label("fold")
	for width := len(acc) / 2; width > 0; width /= 2 {
		for i := range width {
			op.fold(acc[i+width], acc[i])
		}
	}
	Store(s.foldLanes(op, acc[0]), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// foldLanes folds the upper half of v onto the lower until one lane is left.
func (s set) foldLanes(op op, v reg.VecVirtual) reg.Register {
	if s.lanes == 16 {
		upper := YMM()
		VEXTRACTF64X4(U8(1), v, upper)
		op.fold(upper, v.AsY())
	}
	upper, low := XMM(), v.AsX()
	VEXTRACTF128(U8(1), v.AsY(), upper)
	op.fold(upper, low)
	VPERMILPS(U8(0b1110), low, upper) // lanes 2 and 3
	op.fold(upper, low)
	VPERMILPS(U8(0b0001), low, upper) // lane 1
	op.fold(upper, low)
	return low
}

// columns writes func(acc, x *float32, rows, cols, stride int), which joins acc with
// rows of x, stride bytes apart; cols is a positive multiple of lanes.
func (s set) columns(op op) {
	TEXT("columns"+op.name+s.name, NOSPLIT, "func(acc, x *float32, rows, cols, stride int)")
	Pragma("noescape")
	acc, x := Load(Param("acc"), GP64()), Load(Param("x"), GP64())
	rows, cols, stride := Load(Param("rows"), GP64()), Load(Param("cols"), GP64()), Load(Param("stride"), GP64())
	col := GP64()
	SHLQ(U8(2), cols) // now in bytes

	Label("row")
	XORQ(col, col)

	Label("columns")
	for j := range lanes / s.lanes {
		at := func(base reg.Register) Mem { return Mem{Base: base, Index: col, Scale: 1, Disp: 4 * s.lanes * j} }
		a := s.load(at(acc))
		op.accumulate(s.load(at(x)), a)
		VMOVUPS(a, at(acc))
	}
	ADDQ(U32(4*lanes), col)
	CMPQ(col, cols)
	JLT(LabelRef("columns"))

	ADDQ(stride, x)
	DECQ(rows)
	JNZ(LabelRef("row"))

	VZEROUPPER()
	RET()
}

// widen writes func(acc *float64, x *float32, n int), which adds x to acc; n is a
// positive multiple of lanes.
func (s set) widen() {
	TEXT("widen"+s.name, NOSPLIT, "func(acc *float64, x *float32, n int)")
	Pragma("noescape")
	acc, x, n := Load(Param("acc"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	half := s.lanes / 2

	Label("loop")
	for j := range lanes / half {
		at, v := Mem{Base: acc, Disp: 8 * half * j}, s.vec()
		VCVTPS2PD(Mem{Base: x, Disp: 4 * half * j}, v)
		VADDPD(at, v, v)
		VMOVUPD(v, at)
	}
	ADDQ(U32(4*lanes), x)
	ADDQ(U32(8*lanes), acc)
	SUBQ(U8(lanes), n)
	JNZ(LabelRef("loop"))

	VZEROUPPER()
	RET()
}
