package main

import (
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vec = reg.VecVirtual

// A set is an instruction set.
type set struct {
	name  string
	lanes int
}

func (s set) vec() vec {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (s set) zero() vec {
	z := s.vec()
	VXORPS(z, z, z)
	return z
}

// unroll is the number of columns of which the code for all is written out.
const unroll = 64

// A kernel is a function
//
//	func(tensors, columns *float32, rows, cols, stride int)
//
// that goes over cols columns, a positive multiple of unroll. Tensors have rows
// that are stride bytes apart.
type kernel struct {
	set     set
	tensors []string
	base    map[string]reg.Register // where a tensor's row starts, or what columns have
	col     reg.Register            // bytes from there to the first of the columns at hand
}

func (s set) begin(name string, tensors, columns []string) *kernel {
	names := slices.Concat(tensors, columns)
	TEXT(name+s.name, NOSPLIT, "func("+strings.Join(names, ", ")+" *float32, rows, cols, stride int)")
	Pragma("noescape")
	k := &kernel{s, tensors, map[string]reg.Register{}, GP64()}
	for _, n := range names {
		k.base[n] = Load(Param(n), GP64())
	}
	return k
}

// at is vector j of the columns at hand, of a tensor or of what columns have.
func (k *kernel) at(name string, j int) Mem {
	return Mem{Base: k.base[name], Index: k.col, Scale: 1, Disp: 4 * k.set.lanes * j}
}

func (k *kernel) load(name string, j int) vec {
	v := k.set.vec()
	VMOVUPS(k.at(name, j), v)
	return v
}

// loops writes the rest of the function; body is what it does with vector j of the
// columns at hand.
func (k *kernel) loops(body func(j int)) {
	rows, cols, stride := Load(Param("rows"), GP64()), Load(Param("cols"), GP64()), Load(Param("stride"), GP64())
	SHLQ(U8(2), cols)

	Label("row")
	XORQ(k.col, k.col)

	Label("columns")
	for j := range unroll / k.set.lanes {
		body(j)
	}
	ADDQ(U32(4*unroll), k.col)
	CMPQ(k.col, cols)
	JLT(LabelRef("columns"))

	for _, t := range k.tensors {
		ADDQ(stride, k.base[t])
	}
	DECQ(rows)
	JNZ(LabelRef("row"))

	VZEROUPPER()
	RET()
}
