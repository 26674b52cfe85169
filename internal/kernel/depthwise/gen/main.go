// Command gen writes the vector kernels of package depthwise.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	pixel("pixelAVX512", 16, func() reg.VecVirtual { return ZMM() })
	pixel("pixelAVX2", 8, func() reg.VecVirtual { return YMM() })
	Generate()
}

// pixel writes func(y, x, w *float32, taps *int, n, channels int), where taps are pairs: the sum over n > 0 taps of x, a tap.x bytes on, times
// w, tap.w bytes on, for each of the channels, a multiple of lanes. Four vectors are summed at a time while there are so many.
func pixel(name string, lanes int, vector func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(y, x, w *float32, taps *int, n, channels int)")
	Pragma("noescape")
	y, x, w, taps := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("w"), GP64()), Load(Param("taps"), GP64())
	n, channels := Load(Param("n"), GP64()), Load(Param("channels"), GP64())
	SHLQ(U8(2), channels) // bytes
	for _, vectors := range []int{4, 1} {
		bytes := vectors * lanes * 4
		block, done, each := fmt.Sprint("block", vectors), fmt.Sprint("done", vectors), fmt.Sprint("tap", vectors)
		Label(block)
		CMPQ(channels, I32(bytes))
		JLT(LabelRef(done))
		sums := make([]reg.VecVirtual, vectors)
		for i := range sums {
			sums[i] = vector()
			VXORPS(sums[i], sums[i], sums[i])
		}
		t, left := GP64(), GP64()
		MOVQ(taps, t)
		MOVQ(n, left)
		Label(each)
		ax, aw := GP64(), GP64()
		MOVQ(Mem{Base: t}, ax)
		MOVQ(Mem{Base: t, Disp: 8}, aw)
		for i, sum := range sums {
			v := vector()
			VMOVUPS(Mem{Base: x, Index: ax, Scale: 1, Disp: 4 * lanes * i}, v)
			VFMADD231PS(Mem{Base: w, Index: aw, Scale: 1, Disp: 4 * lanes * i}, v, sum)
		}
		ADDQ(U8(16), t)
		DECQ(left)
		JNZ(LabelRef(each))
		for i, sum := range sums {
			VMOVUPS(sum, Mem{Base: y, Disp: 4 * lanes * i})
		}
		for _, p := range []reg.Register{x, w, y} {
			ADDQ(I32(bytes), p)
		}
		SUBQ(I32(bytes), channels)
		JMP(LabelRef(block))
		Label(done)
	}
	VZEROUPPER()
	RET()
}
