// Command gen writes the vector kernels of package bf16. Product says what the
// products compute; the rest moves pairs of elements, which are 32-bit words.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	tileProduct(false)
	tileProduct(true)
	vectorProduct(false)
	vectorProduct(true)
	interleave()
	transpose("transposeWords", false, false)
	transpose("transposePlaces", false, true)
	transpose("transposePairs", true, false)
	widen()
	narrowFloats()
	Generate()
}

// Signatures of the products: at points to pairs of offsets into a and c, in
// elements; other distances are in bytes. aAfter is added to the pointers into a
// when the inner loop has ended.
const (
	inputs  = "at *int, tiles int, a *uint16, aRow, aBlock, aAfter int, b *uint16, bBlock int, outer, inner int, cRow int, "
	toHalf  = inputs + "c, plus *uint16, rows int, mask uint32, scratch *float32)"
	toFloat = inputs + "c *float32, add bool)"
)

// words is how far apart rows of 32 columns of B are, as pairs, or of C, as floats.
const words = 128

// vmm is a physical vector register.
func vmm(i int) reg.VecPhysical {
	return [...]reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}[i]
}

// param loads a parameter into a physical register.
func param(name string, to gp) { Load(Param(name), to.GPPhysical) }

// tileProduct is the product of AMX: two groups of 16 rows by 32 columns, in
// four tiles.
func tileProduct(float bool) {
	if float {
		TEXT("tileFloat", NOSPLIT, "func(shape *uint8, "+toFloat)
	} else {
		TEXT("tileHalf", NOSPLIT, "func(shape *uint8, "+toHalf)
	}
	Pragma("noescape")
	a, b, row, wide, block, bBlock, inner, outer, after := [2]gp{rdi, r8}, r10, r9, r11, r12, r13, rbx, rax, r14
	param("shape", rax)
	loadTileConfig(rax)
	param("at", rsi)
	param("aRow", row)
	param("aBlock", block)
	param("aAfter", after)
	param("bBlock", bBlock)
	MOVQ(U32(words), wide.GPPhysical)

	Label("tile")
	for g, p := range a {
		param("a", p)
		MOVQ(Mem{Base: rsi.GPPhysical, Disp: 16 * g}, reg.RCX)
		LEAQ(Mem{Base: p.GPPhysical, Index: reg.RCX, Scale: 2}, p.GPPhysical)
	}
	param("b", b)
	param("outer", outer)
	if float {
		addTiles()
	} else {
		for t := range byte(4) {
			tileZero(t)
		}
	}

	Label("outer")
	param("inner", inner)

	Label("inner")
	tileLoad(6, b, wide, 0)
	tileLoad(4, a[0], row, 0)
	tileDot(0, 4, 6)
	tileLoad(7, b, wide, 64)
	tileDot(1, 4, 7)
	tileLoad(5, a[1], row, 0)
	tileDot(2, 5, 6)
	tileDot(3, 5, 7)
	for _, p := range a {
		ADDQ(block.GPPhysical, p.GPPhysical)
	}
	ADDQ(bBlock.GPPhysical, b.GPPhysical)
	DECQ(inner.GPPhysical)
	JNZ(LabelRef("inner"))
	for _, p := range a {
		ADDQ(after.GPPhysical, p.GPPhysical)
	}
	DECQ(outer.GPPhysical)
	JNZ(LabelRef("outer"))

	if float {
		param("cRow", rcx)
		for g := range 2 {
			toC(g)
			tileStore(byte(2*g), rdx, rcx, 0)
			tileStore(byte(2*g+1), rdx, rcx, 64)
		}
	} else {
		param("scratch", r15)
		for t := range 4 {
			tileStore(byte(t), r15, wide, int32(16*words*(t/2)+64*(t%2)))
		}
		roundRows()
	}
	ADDQ(U32(32), reg.RSI)
	MOVQ(NewParamAddr("tiles", 16), reg.RCX)
	DECQ(reg.RCX)
	MOVQ(reg.RCX, NewParamAddr("tiles", 16))
	JNZ(LabelRef("tile"))
	tileRelease()
	VZEROUPPER()
	RET()
}

// toC sets rdx to where group g begins in float C.
func toC(g int) {
	param("c", rdx)
	MOVQ(Mem{Base: reg.RSI, Disp: 16*g + 8}, reg.RBX)
	LEAQ(Mem{Base: reg.RDX, Index: reg.RBX, Scale: 4}, reg.RDX)
}

// addTiles starts the tiles: at C, or at zero.
func addTiles() {
	Load(Param("add"), reg.CL)
	TESTB(reg.CL, reg.CL)
	JZ(LabelRef("zero"))
	param("cRow", rcx)
	for g := range 2 {
		toC(g)
		tileLoad(byte(2*g), rdx, rcx, 0)
		tileLoad(byte(2*g+1), rdx, rcx, 64)
	}
	JMP(LabelRef("outer"))

	Label("zero")
	for t := range byte(4) {
		tileZero(t)
	}
}

// roundRows writes the first rows of each group from scratch to C, as bfloat16,
// with what is to be added to them.
func roundRows() {
	Load(Param("mask"), reg.ECX)
	KMOVD(reg.ECX, reg.K1)
	param("cRow", rcx)
	for g, label := range []string{"round0", "round1"} {
		toHalfC(g)
		param("rows", rax)
		LEAQ(Mem{Base: reg.R15, Disp: 16 * words * g}, reg.RBX)
		Label(label)
		VMOVUPS(Mem{Base: reg.RBX}, reg.Z0)
		VMOVUPS(Mem{Base: reg.RBX, Disp: 64}, reg.Z1)
		addPlus(0, 1, label+"Sum")
		narrow(0, 1, 0)
		VMOVDQU16(reg.Z0, reg.K1, Mem{Base: reg.RDX})
		ADDQ(U32(words), reg.RBX)
		ADDQ(reg.RCX, reg.RDX)
		DECQ(reg.RAX)
		JNZ(LabelRef(label))
	}
}

// toHalfC sets rdx to where group g begins in C, and rdi to how far from there
// what is to be added is, or 0.
func toHalfC(g int) {
	param("plus", rdi)
	param("c", rdx)
	TESTQ(reg.RDI, reg.RDI)
	sum := fmt.Sprintf("without%d", g)
	JZ(LabelRef(sum))
	SUBQ(reg.RDX, reg.RDI)
	Label(sum)
	MOVQ(Mem{Base: reg.RSI, Disp: 16*g + 8}, reg.RBX)
	LEAQ(Mem{Base: reg.RDX, Index: reg.RBX, Scale: 2}, reg.RDX)
}

// addPlus adds a row of 32 elements to two registers, if there is one.
func addPlus(low, high int, label string) {
	const a, b = 28, 29
	TESTQ(reg.RDI, reg.RDI)
	JZ(LabelRef(label))
	VMOVDQU16_Z(Mem{Base: reg.RDX, Index: reg.RDI, Scale: 1}, reg.K1, vmm(a))
	VEXTRACTI64X4(U8(1), vmm(a), reg.Y29)
	VPMOVZXWD(reg.Y28, vmm(a))
	VPMOVZXWD(reg.Y29, vmm(b))
	VPSLLD(U8(16), vmm(a), vmm(a))
	VPSLLD(U8(16), vmm(b), vmm(b))
	VADDPS(vmm(a), vmm(low), vmm(low))
	VADDPS(vmm(b), vmm(high), vmm(high))
	Label(label)
}
