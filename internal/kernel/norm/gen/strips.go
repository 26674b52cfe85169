package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A set is an instruction set.
type set struct {
	name  string
	lanes int
}

func (s set) vec() reg.VecVirtual {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (s set) zero() reg.VecVirtual {
	z := s.vec()
	VXORPS(z, z, z)
	return z
}

// A kernel is a function
//
//	func(tensors, params *float32, sums *float64, rows, cols, stride int)
//
// that goes over cols columns, a positive multiple of the strip's width. Tensors
// have rows stride bytes apart; params and sums have one element a column.
type kernel struct {
	set     set
	vectors int // in a strip

	base                 map[string]reg.Register // first element of each argument
	params, sums         map[string][]reg.VecVirtual
	paramNames, sumNames []string

	cols, stride reg.Register
	col          reg.Register // bytes from the first column to the strip
	offset       reg.Register // bytes from the first element to the strip in this row
}

func (s set) begin(name string, vectors int, tensors, params, sums []string) *kernel {
	sign := "func(" + strings.Join(append(append([]string{}, tensors...), params...), ", ") + " *float32, "
	if sums != nil {
		sign += strings.Join(sums, ", ") + " *float64, "
	}
	TEXT(name+s.name, NOSPLIT, sign+"rows, cols, stride int)")
	Pragma("noescape")
	k := &kernel{set: s, vectors: vectors, paramNames: params, sumNames: sums, col: GP64(), offset: GP64(),
		base: map[string]reg.Register{}, params: map[string][]reg.VecVirtual{}, sums: map[string][]reg.VecVirtual{}}
	for _, names := range [][]string{tensors, params, sums} {
		for _, n := range names {
			k.base[n] = Load(Param(n), GP64())
		}
	}
	for range vectors {
		for _, n := range params {
			k.params[n] = append(k.params[n], s.vec())
		}
		for _, n := range sums {
			k.sums[n] = append(k.sums[n], s.vec())
		}
	}
	k.cols, k.stride = Load(Param("cols"), GP64()), Load(Param("stride"), GP64())
	return k
}

// at is vector j of the strip in this row of a tensor.
func (k *kernel) at(tensor string, j int) Mem {
	return Mem{Base: k.base[tensor], Index: k.offset, Scale: 1, Disp: 4 * k.set.lanes * j}
}

// strips writes the loops; row is what they do with vector j of a strip.
func (k *kernel) strips(row func(j int)) {
	XORQ(k.col, k.col)

	Label("strip")
	for _, n := range k.paramNames {
		for j, v := range k.params[n] {
			VMOVUPS(Mem{Base: k.base[n], Index: k.col, Scale: 1, Disp: 4 * k.set.lanes * j}, v)
		}
	}
	for _, n := range k.sumNames {
		for _, v := range k.sums[n] {
			VXORPS(v, v, v)
		}
	}
	MOVQ(k.col, k.offset)
	rows := Load(Param("rows"), GP64())

	Label("row")
	for j := range k.vectors {
		row(j)
	}
	ADDQ(k.stride, k.offset)
	DECQ(rows)
	JNZ(LabelRef("row"))

	for _, n := range k.sumNames {
		for j, v := range k.sums[n] {
			k.addTo(n, j, v)
		}
	}
	ADDQ(U32(4*k.set.lanes*k.vectors), k.col)
	SUBQ(U8(k.set.lanes*k.vectors), k.cols)
	JNZ(LabelRef("strip"))

	VZEROUPPER()
	RET()
}

// addTo adds vector j of the strip's sums to those in memory, in float64.
func (k *kernel) addTo(name string, j int, v reg.VecVirtual) {
	wide, parts := k.set.vec(), []reg.Register{v.AsX(), XMM()}
	if k.set.lanes == 16 {
		parts = []reg.Register{v.AsY(), YMM()}
	}
	for half, part := range parts {
		at := Mem{Base: k.base[name], Index: k.col, Scale: 2, Disp: 4 * k.set.lanes * (2*j + half)}
		if half == 1 && k.set.lanes == 16 {
			VEXTRACTF64X4(U8(1), v, part)
		} else if half == 1 {
			VEXTRACTF128(U8(1), v, part)
		}
		VCVTPS2PD(part, wide)
		VADDPD(at, wide, wide)
		VMOVUPD(wide, at)
	}
}
