package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The tile of vectorProduct, and where its registers are.
const (
	groups, rows = 3, 4
	pairOfA      = 24
	rowOfB       = 26
)

// vectorProduct is the product of VDPBF16PS: three groups of 4 rows by 32
// columns, in 24 registers.
func vectorProduct(float bool) {
	if float {
		TEXT("vectorFloat", NOSPLIT, "func("+toFloat)
	} else {
		TEXT("vectorHalf", NOSPLIT, "func("+toHalf)
	}
	Pragma("noescape")
	a, row, row3, b := [groups]gp{rdi, r8, r9}, r10, r11, r12
	param("at", rsi)
	param("aRow", row)
	LEAQ(Mem{Base: row.GPPhysical, Index: row.GPPhysical, Scale: 2}, row3.GPPhysical)
	param("aBlock", r13)
	param("aAfter", r14)
	param("bBlock", r15)

	Label("tile")
	for g, p := range a {
		param("a", p)
		MOVQ(Mem{Base: reg.RSI, Disp: 16 * g}, reg.RCX)
		LEAQ(Mem{Base: p.GPPhysical, Index: reg.RCX, Scale: 2}, p.GPPhysical)
	}
	param("b", b)
	for i := range 2 * groups * rows {
		VPXORD(vmm(i), vmm(i), vmm(i))
	}
	if float {
		Load(Param("add"), reg.CL)
		TESTB(reg.CL, reg.CL)
		JZ(LabelRef("started"))
		eachFloat(func(i int, c Mem) { VMOVUPS(c, vmm(i)) })
		Label("started")
	}
	param("outer", rax)

	Label("outer")
	param("inner", rbx)

	Label("inner")
	for h := range 2 {
		VMOVDQU32(Mem{Base: b.GPPhysical, Disp: 64 * h}, vmm(rowOfB+h))
	}
	for i := range groups * rows {
		p, at := a[i/rows].GPPhysical, pairOfA+i%2
		VPBROADCASTD(map[int]Mem{
			0: {Base: p}, 1: {Base: p, Index: row.GPPhysical, Scale: 1},
			2: {Base: p, Index: row.GPPhysical, Scale: 2}, 3: {Base: p, Index: row3.GPPhysical, Scale: 1},
		}[i%rows], vmm(at))
		vectorDot(2*i, at, rowOfB)
		vectorDot(2*i+1, at, rowOfB+1)
	}
	for _, p := range a {
		ADDQ(reg.R13, p.GPPhysical)
	}
	ADDQ(reg.R15, b.GPPhysical)
	DECQ(reg.RBX)
	JNZ(LabelRef("inner"))
	for _, p := range a {
		ADDQ(reg.R14, p.GPPhysical)
	}
	DECQ(reg.RAX)
	JNZ(LabelRef("outer"))

	if float {
		eachFloat(func(i int, c Mem) { VMOVUPS(vmm(i), c) })
	} else {
		roundRegisters()
	}
	ADDQ(U32(16*groups), reg.RSI)
	MOVQ(NewParamAddr("tiles", 8), reg.RCX)
	DECQ(reg.RCX)
	MOVQ(reg.RCX, NewParamAddr("tiles", 8))
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// eachFloat goes over the accumulators and their places in float C.
func eachFloat(do func(i int, c Mem)) {
	param("cRow", rcx)
	for g := range groups {
		toC(g)
		for r := range rows {
			for h := range 2 {
				do(2*(g*rows+r)+h, Mem{Base: reg.RDX, Disp: 64 * h})
			}
			ADDQ(reg.RCX, reg.RDX)
		}
	}
}

// roundRegisters writes the first rows of each group to C, as bfloat16.
func roundRegisters() {
	Load(Param("mask"), reg.ECX)
	KMOVD(reg.ECX, reg.K1)
	param("cRow", rcx)
	for g := range groups {
		toHalfC(g)
		param("rows", rax)
		end := fmt.Sprintf("rounded%d", g)
		for r := range rows {
			i := 2 * (g*rows + r)
			addPlus(i, i+1, fmt.Sprintf("sum%d", i))
			narrow(i, i+1, i)
			VMOVDQU16(vmm(i), reg.K1, Mem{Base: reg.RDX})
			ADDQ(reg.RCX, reg.RDX)
			DECQ(reg.RAX)
			JZ(LabelRef(end))
		}
		Label(end)
	}
}
