package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The instructions that avo does not know, as bytes. Their registers are
// physical ones: the allocator does not see them.

// emit writes bytes into the function, with what they mean as a comment.
func emit(meaning string, code ...byte) {
	Comment(meaning)
	for _, b := range code {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}})
	}
}

// gp is a general register with its number.
type gp struct {
	reg.GPPhysical
	n byte
}

var (
	rax, rcx, rdx, rbx = gp{reg.RAX, 0}, gp{reg.RCX, 1}, gp{reg.RDX, 2}, gp{reg.RBX, 3}
	rsi, rdi, r8, r9   = gp{reg.RSI, 6}, gp{reg.RDI, 7}, gp{reg.R8, 8}, gp{reg.R9, 9}
	r10, r11, r12, r13 = gp{reg.R10, 10}, gp{reg.R11, 11}, gp{reg.R12, 12}, gp{reg.R13, 13}
	r14, r15           = gp{reg.R14, 14}, gp{reg.R15, 15}
)

func flag(set bool, bit byte) byte {
	if set {
		return 1 << bit
	}
	return 0
}

// The prefixes of the VEX and EVEX encodings.
const (
	none = 0
	p66  = 1
	pF3  = 2
	pF2  = 3
)

// vex is a three-byte VEX prefix of the map 0F38, 128 bits, W 0; r, x and b are
// the fourth bits of the three registers, v is the number in vvvv.
func vex(prefix byte, r, x, b bool, v byte) []byte {
	return []byte{0xC4, flag(!r, 7) | flag(!x, 6) | flag(!b, 5) | 2, (^v&15)<<3 | prefix}
}

// tileMemory is an instruction of a tile and memory: rows at base + disp, index
// apart. format is what it means, of the tile and the memory.
func tileMemory(format string, prefix byte, tile byte, base, index gp, disp int32) {
	code := append(vex(prefix, false, index.n > 7, base.n > 7, 0), 0x4B, 0x80|tile<<3|4, (index.n&7)<<3|base.n&7)
	for i := range 4 {
		code = append(code, byte(disp>>(8*i)))
	}
	emit(fmt.Sprintf(format, tile, fmt.Sprintf("[%s+%s*1+%#x]", base.Asm(), index.Asm(), disp)), code...)
}

func tileLoad(tile byte, base, index gp, disp int32) {
	tileMemory("TILELOADD tmm%d, %s", pF2, tile, base, index, disp)
}

func tileStore(tile byte, base, index gp, disp int32) {
	tileMemory("TILESTORED %[2]s, tmm%[1]d", pF3, tile, base, index, disp)
}

func tileZero(tile byte) {
	emit(fmt.Sprintf("TILEZERO tmm%d", tile), append(vex(pF2, false, false, false, 0), 0x49, 0xC0|tile<<3)...)
}

func tileRelease() {
	emit("TILERELEASE", append(vex(none, false, false, false, 0), 0x49, 0xC0)...)
}

// loadTileConfig reads the 64 bytes that base points to.
func loadTileConfig(base gp) {
	emit(fmt.Sprintf("LDTILECFG [%s]", base.Asm()), append(vex(none, false, false, base.n > 7, 0), 0x49, 0x80|base.n&7, 0, 0, 0, 0)...)
}

// tileDot adds a·b to c: a holds rows of pairs, b pairs of rows.
func tileDot(c, a, b byte) {
	emit(fmt.Sprintf("TDPBF16PS tmm%d, tmm%d, tmm%d", c, a, b), append(vex(pF3, false, false, false, b), 0x5C, 0xC0|c<<3|a)...)
}

// evex is an instruction of three 512-bit registers, of the map 0F38, W 0.
func evex(prefix, op byte, dst, v, src int) []byte {
	return []byte{
		0x62,
		flag(dst&8 == 0, 7) | flag(src&16 == 0, 6) | flag(src&8 == 0, 5) | flag(dst&16 == 0, 4) | 2,
		byte(^v&15)<<3 | 4 | prefix,
		0x40 | flag(v&16 == 0, 3),
		op,
		0xC0 | byte(dst&7)<<3 | byte(src&7),
	}
}

// vectorDot adds to each float of dst the products of a pair of a and of b.
func vectorDot(dst, a, b int) {
	emit(fmt.Sprintf("VDPBF16PS zmm%d, zmm%d, zmm%d", dst, a, b), evex(pF3, 0x52, dst, a, b)...)
}

// narrow rounds 32 floats to bfloat16: low's first, then high's.
func narrow(dst, high, low int) {
	emit(fmt.Sprintf("VCVTNE2PS2BF16 zmm%d, zmm%d, zmm%d", dst, high, low), evex(pF2, 0x72, dst, high, low)...)
}
