// Command gen writes the vector kernels of package tile: Kernel.generic is the
// loops, Product says what they compute.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	kernel{set: "AVX512", lanes: 16, groups: 6, rows: 4, vectors: 1}.write()
	kernel{set: "AVX512", lanes: 16, groups: 3, rows: 4, vectors: 2}.write()
	kernel{set: "AVX2", lanes: 8, groups: 3, rows: 2, vectors: 2}.write()
	Generate()
}

// A kernel holds groups·rows rows of C in registers, vectors for each row.
type kernel struct {
	set                   string
	lanes                 int // floats in a vector
	groups, rows, vectors int
}

// signature: at points to pairs of offsets into a and c, in floats; all other
// distances are in bytes. afterInner and afterMiddle are added to the pointers
// when a loop inside has ended.
const signature = "func(at *int, tiles int, " +
	"a *float32, aRow, aInner, aAfterInner, aAfterMiddle int, " +
	"b *float32, bInner, bAfterInner, bAfterMiddle int, " +
	"c *float32, cRow int, add bool, outer, middle, inner int)"

func (k kernel) write() {
	TEXT(fmt.Sprintf("kernel%dx%d%s", k.groups*k.rows, k.lanes*k.vectors, k.set), NOSPLIT, signature)
	Pragma("noescape")
	at, tiles := local("at"), local("tiles")

	Label("tile")
	acc := k.start(at)
	k.sum(acc, at)
	k.eachRow(acc, at, func(acc reg.VecVirtual, c Mem) { VMOVUPS(acc, c) })
	ADDQ(I32(16*k.groups), at)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// start returns the accumulators: zero, or C if it is to be added to.
func (k kernel) start(at Mem) [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, k.groups*k.rows)
	for i := range acc {
		for range k.vectors {
			acc[i] = append(acc[i], k.zero())
		}
	}
	add := Load(Param("add"), GP8())
	TESTB(add, add)
	JZ(LabelRef("started"))
	k.eachRow(acc, at, func(acc reg.VecVirtual, c Mem) { VMOVUPS(c, acc) })
	Label("started")
	return acc
}

// sum runs the three loops of the sum.
func (k kernel) sum(acc [][]reg.VecVirtual, at Mem) {
	pair, base := GP64(), Load(Param("a"), GP64())
	MOVQ(at, pair)
	a := make([]reg.Register, k.groups)
	for g := range a {
		p := GP64()
		MOVQ(Mem{Base: pair, Disp: 16 * g}, p)
		LEAQ(Mem{Base: base, Index: p, Scale: 4}, p)
		a[g] = p
	}
	b := Load(Param("b"), GP64())
	row, row3 := Load(Param("aRow"), GP64()), GP64()
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)
	aInner, bInner := Load(Param("aInner"), GP64()), Load(Param("bInner"), GP64())
	outer := local("outer")
	Label("outer")
	middle := local("middle")
	Label("middle")
	inner := Load(Param("inner"), GP64())
	k.neighbours(acc, a, row, row3, b, aInner, bInner, inner)
	Label("inner")
	k.multiply(acc, a, row, row3, b, 0)
	for _, p := range a {
		ADDQ(aInner, p)
	}
	ADDQ(bInner, b)
	DECQ(inner)
	JNZ(LabelRef("inner"))
	Label("summed")
	advance(a, b, "AfterInner")
	DECQ(middle)
	JNZ(LabelRef("middle"))
	advance(a, b, "AfterMiddle")
	DECQ(outer)
	JNZ(LabelRef("outer"))
}

// neighbours runs the inner loop four terms at a time where the terms of A and of B are
// neighbours: pointers move once for all four, which matters with two units.
func (k kernel) neighbours(acc [][]reg.VecVirtual, a []reg.Register, row, row3, b, aInner, bInner, inner reg.Register) {
	const terms = 4
	CMPQ(aInner, U8(4))
	JNE(LabelRef("inner"))
	CMPQ(bInner, I32(4*k.lanes*k.vectors))
	JNE(LabelRef("inner"))
	SUBQ(U8(terms), inner)
	JLT(LabelRef("rest"))
	Label("neighbours")
	for n := range terms {
		k.multiply(acc, a, row, row3, b, n)
	}
	for _, p := range a {
		ADDQ(U8(4*terms), p)
	}
	ADDQ(I32(4*terms*k.lanes*k.vectors), b)
	SUBQ(U8(terms), inner)
	JGE(LabelRef("neighbours"))
	Label("rest")
	ADDQ(U8(terms), inner)
	JZ(LabelRef("summed"))
}

// multiply adds column n of A times row n of B, counted from where a and b are, to the
// accumulators. Where they are not neighbours n is 0.
func (k kernel) multiply(acc [][]reg.VecVirtual, a []reg.Register, row, row3, b reg.Register, n int) {
	bv := make([]reg.VecVirtual, k.vectors)
	for j := range bv {
		bv[j] = k.vec()
		VMOVUPS(Mem{Base: b, Disp: 4 * k.lanes * (j + n*k.vectors)}, bv[j])
	}
	for i := range acc {
		m := Mem{Base: a[i/k.rows], Disp: 4 * n}
		switch i % k.rows {
		case 1, 2:
			m.Index, m.Scale = row, uint8(i%k.rows)
		case 3:
			m.Index, m.Scale = row3, 1
		}
		k.mulAdd(m, bv, acc[i])
	}
}

// mulAdd adds the element at m times each of b to the accumulators of a row.
func (k kernel) mulAdd(m Mem, b, acc []reg.VecVirtual) {
	if k.vectors == 1 {
		VFMADD231PS_BCST(m, b[0], acc[0])
		return
	}
	v := k.vec()
	VBROADCASTSS(m, v)
	for j := range b {
		VFMADD231PS(v, b[j], acc[j])
	}
}

// eachRow calls f for each accumulator with its place in C.
func (k kernel) eachRow(acc [][]reg.VecVirtual, at Mem, f func(acc reg.VecVirtual, c Mem)) {
	pair, c := GP64(), GP64()
	base, row := Load(Param("c"), GP64()), Load(Param("cRow"), GP64())
	MOVQ(at, pair)
	for i := range acc {
		if i%k.rows == 0 {
			MOVQ(Mem{Base: pair, Disp: 16*(i/k.rows) + 8}, c)
			LEAQ(Mem{Base: base, Index: c, Scale: 4}, c)
		} else {
			ADDQ(row, c)
		}
		for j := range acc[i] {
			f(acc[i][j], Mem{Base: c, Disp: 4 * k.lanes * j})
		}
	}
}

func (k kernel) vec() reg.VecVirtual {
	if k.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (k kernel) zero() reg.VecVirtual {
	v := k.vec()
	if k.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// local copies a parameter to memory that the kernel may change.
func local(name string) Mem {
	m := AllocLocal(8)
	MOVQ(Load(Param(name), GP64()), m)
	return m
}

// advance adds the parameters a+when and b+when to the pointers.
func advance(a []reg.Register, b reg.Register, when string) {
	step := Load(Param("a"+when), GP64())
	for _, p := range a {
		ADDQ(step, p)
	}
	Load(Param("b"+when), step)
	ADDQ(step, b)
}
