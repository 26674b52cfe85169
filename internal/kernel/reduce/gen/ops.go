package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// An op is a reduction: start turns elements into partial results, accumulate joins
// acc with elements x, fold joins it with partial results x.
type op struct {
	name             string
	start            func(acc reg.Register)
	accumulate, fold func(x, acc reg.Register)
}

var ops = []op{
	{"Sum", keep, add, add},
	{"SumSquares", square, addSquare, add},
	{"Max", keep, extreme(VMAXPS), extreme(VMAXPS)},
	{"Min", keep, extreme(VMINPS), extreme(VMINPS)},
}

func keep(reg.Register)             {}
func square(acc reg.Register)       { VMULPS(acc, acc, acc) }
func add(x, acc reg.Register)       { VADDPS(x, acc, acc) }
func addSquare(x, acc reg.Register) { VFMADD231PS(x, x, acc) }

// extreme keeps acc where it is NaN; the instruction alone would take x there.
func extreme(instruction func(...Op)) func(x, acc reg.Register) {
	const unordered = 3
	return func(x, acc reg.Register) {
		var nan, result reg.Register
		switch acc.Size() {
		case 64:
			nan, result = K(), ZMM()
		case 32:
			nan, result = YMM(), YMM()
		default:
			nan, result = XMM(), XMM()
		}
		VCMPPS(U8(unordered), acc, acc, nan)
		instruction(x, acc, result)
		if acc.Size() == 64 {
			VBLENDMPS(acc, result, nan, acc)
		} else {
			VBLENDVPS(nan, acc, result, acc)
		}
	}
}
