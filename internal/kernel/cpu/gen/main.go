// Command gen writes loops of nothing but fused multiply-adds.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// accumulators are enough to hide the latency of two units.
const accumulators = 12

func main() {
	ConstraintExpr("!purego")
	write("fmaAVX2", func() reg.VecVirtual { return YMM() })
	write("fmaAVX512", func() reg.VecVirtual { return ZMM() })
	Generate()
}

// write writes a function that does rounds of one FMA for each accumulator.
func write(name string, vec func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(rounds int)")
	n := Load(Param("rounds"), GP64())
	x := vec()
	VXORPS(x, x, x)
	acc := make([]reg.VecVirtual, accumulators)
	for i := range acc {
		acc[i] = vec()
		VXORPS(acc[i], acc[i], acc[i])
	}
	Label("round")
	for _, a := range acc {
		VFMADD231PS(x, x, a)
	}
	DECQ(n)
	JNZ(LabelRef("round"))
	VZEROUPPER()
	RET()
}
