package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pair loads 16 elements each from two places as words: low's in the low half.
func pair(low, high Mem) reg.VecVirtual {
	a, b := ZMM(), ZMM()
	VPMOVZXWD(low, a)
	VPMOVZXWD(high, b)
	VPSLLD(U8(16), b, b)
	VPORD(a, b, a)
	return a
}

// interleave writes a[0], b[0], a[1], b[1], ... for n elements of each, a
// positive multiple of 16, of pairs of rows a and b that follow each other step
// bytes apart; results are dstStep bytes apart.
func interleave() {
	TEXT("interleaveAVX512", NOSPLIT, "func(dst *uint16, dstStep int, a, b *uint16, step, n, pairs int)")
	Pragma("noescape")
	dst, a, b := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	dstStep, step, n, pairs := Load(Param("dstStep"), GP64()), Load(Param("step"), GP64()), Load(Param("n"), GP64()), Load(Param("pairs"), GP64())
	at := GP64()
	SHLQ(U8(1), n) // now in bytes

	Label("pair")
	XORQ(at, at)

	Label("loop")
	words := pair(Mem{Base: a, Index: at, Scale: 1}, Mem{Base: b, Index: at, Scale: 1})
	VMOVDQU32(words, Mem{Base: dst, Index: at, Scale: 2})
	ADDQ(U8(32), at)
	CMPQ(at, n)
	JLT(LabelRef("loop"))
	ADDQ(step, a)
	ADDQ(step, b)
	ADDQ(dstStep, dst)
	DECQ(pairs)
	JNZ(LabelRef("pair"))
	VZEROUPPER()
	RET()
}

// transpose writes word j of row i to place i of row j, for blocks of 16 rows of
// 16 words. With pairs, the words of a row are made of two rows of 16 elements.
// Rows are srcRow and dstRow bytes apart; the next block is one of the next words,
// and goes to the next 16 rows. With places, srcRow is where 16 offsets in bytes are at
// which the rows begin.
func transpose(name string, pairs, places bool) {
	parameter := "srcRow int"
	if places {
		parameter = "srcRow *int"
	}
	TEXT(name, NOSPLIT, "func(dst *uint16, dstRow int, src *uint16, "+parameter+", blocks int)")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	dstRow, srcRow, blocks := Load(Param("dstRow"), GP64()), Load(Param("srcRow"), GP64()), Load(Param("blocks"), GP64())

	Label("block")
	from := GP64()
	MOVQ(src, from)
	var r [16]reg.VecVirtual
	for i := range r {
		switch {
		case places:
			r[i] = ZMM()
			MOVQ(Mem{Base: srcRow, Disp: 8 * i}, from)
			VMOVDQU32(Mem{Base: src, Index: from, Scale: 1}, r[i])
		case pairs:
			r[i] = pair(Mem{Base: from}, Mem{Base: from, Index: srcRow, Scale: 1})
			LEAQ(Mem{Base: from, Index: srcRow, Scale: 2}, from)
		default:
			r[i] = ZMM()
			VMOVDQU32(Mem{Base: from}, r[i])
			ADDQ(srcRow, from)
		}
	}
	for i := 0; i < 16; i += 2 { // rows i and i+1, word by word
		r[i], r[i+1] = two(VPUNPCKLDQ, r[i], r[i+1]), two(VPUNPCKHDQ, r[i], r[i+1])
	}
	for i := 0; i < 16; i += 4 { // quarter q of the register of word j: word 4q+j of rows i to i+3
		a, b, c, d := r[i], r[i+1], r[i+2], r[i+3]
		r[i], r[i+1], r[i+2], r[i+3] = two(VPUNPCKLQDQ, a, c), two(VPUNPCKHQDQ, a, c), two(VPUNPCKLQDQ, b, d), two(VPUNPCKHQDQ, b, d)
	}
	var out [16]reg.VecVirtual
	for j := range 4 {
		even, odd := quarters(0x88, r[j], r[4+j]), quarters(0xdd, r[j], r[4+j])
		even2, odd2 := quarters(0x88, r[8+j], r[12+j]), quarters(0xdd, r[8+j], r[12+j])
		out[j], out[8+j] = quarters(0x88, even, even2), quarters(0xdd, even, even2)
		out[4+j], out[12+j] = quarters(0x88, odd, odd2), quarters(0xdd, odd, odd2)
	}
	for _, v := range out {
		VMOVDQU32(v, Mem{Base: dst})
		ADDQ(dstRow, dst)
	}
	if pairs {
		ADDQ(U8(32), src)
	} else {
		ADDQ(U8(64), src)
	}
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

func two(op func(...Op), a, b reg.VecVirtual) reg.VecVirtual {
	v := ZMM()
	op(b, a, v)
	return v
}

func quarters(choice uint8, a, b reg.VecVirtual) reg.VecVirtual {
	v := ZMM()
	VSHUFI32X4(U8(choice), b, a, v)
	return v
}

// widen writes n elements as float32, n a positive multiple of 16.
func widen() {
	TEXT("widenAVX512", NOSPLIT, "func(dst *float32, src *uint16, n int)")
	Pragma("noescape")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())

	Label("loop")
	v := ZMM()
	VPMOVZXWD(Mem{Base: src}, v)
	VPSLLD(U8(16), v, v)
	VMOVDQU32(v, Mem{Base: dst})
	ADDQ(U8(32), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// narrowFloats rounds n floats to the nearest, n a positive multiple of 16: half of
// the distance of two bfloat16 is added, or a little less where the lower one is
// even. NaN stays NaN.
func narrowFloats() {
	const unordered = 3
	TEXT("narrowAVX512", NOSPLIT, "func(dst *uint16, src *float32, n int)")
	Pragma("noescape")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	one, almostHalf, quiet := constant(1), constant(0x7fff), constant(0x400000)

	Label("loop")
	v, r, low, nan := ZMM(), ZMM(), YMM(), K()
	VMOVUPS(Mem{Base: src}, v)
	VPSRLD(U8(16), v, r)
	VPANDD(one, r, r)
	VPADDD(almostHalf, r, r)
	VPADDD(v, r, r)
	VCMPPS(U8(unordered), v, v, nan)
	VPORD(quiet, v, nan, r)
	VPSRLD(U8(16), r, r)
	VPMOVDW(r, low)
	VMOVDQU(low, Mem{Base: dst})
	ADDQ(U8(32), dst)
	ADDQ(U8(64), src)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// constant is a vector of one value.
func constant(value uint64) reg.VecVirtual {
	g, v := GP32(), ZMM()
	MOVL(U32(value), g)
	VPBROADCASTD(g, v)
	return v
}
