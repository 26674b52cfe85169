package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is the number of products that are formed together.
const chains = 64

// dot512 forms the products of a row with the columns of a panel.
func dot512() {
	const lanes = 16
	TEXT("dotAVX512", NOSPLIT, "func(dst *float32, x *float32, n int, panel *float32)")
	Pragma("noescape")
	dst, x, n, panel := GP64(), GP64(), GP64(), GP64()
	Load(Param("dst"), dst)
	Load(Param("x"), x)
	Load(Param("n"), n)
	Load(Param("panel"), panel)
	var sums []reg.VecVirtual
	for range chains / lanes {
		sum := ZMM()
		VPXORD(sum, sum, sum)
		sums = append(sums, sum)
	}

	Label("loop")
	v := ZMM()
	VBROADCASTSS(Mem{Base: x}, v)
	for j, sum := range sums {
		VFMADD231PS(Mem{Base: panel, Disp: 64 * j}, v, sum)
	}
	ADDQ(U8(4), x)
	ADDQ(U32(4*chains), panel)
	DECQ(n)
	JNZ(LabelRef("loop"))

	for j, sum := range sums {
		VMOVUPS(sum, Mem{Base: dst, Disp: 64 * j})
	}
	VZEROUPPER()
	RET()
}
