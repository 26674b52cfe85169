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
//	func(tensors, columns, sums *float32, rows, cols, stride int)
//
// that goes over cols columns, a positive multiple of unroll. Tensors have rows
// that are stride bytes apart; columns are read and sums added to for each column.
type kernel struct {
	set                    set
	tensors, columns, sums []string
	base                   map[string]reg.Register // where a tensor's row starts, or columns or sums
	col                    reg.Register            // bytes from there to the first of the columns at hand
	resident               map[string][]vec        // columns and sums, where registers hold them
}

func (s set) begin(name string, tensors, columns, sums []string) *kernel {
	names := slices.Concat(tensors, columns, sums)
	TEXT(name+s.name, NOSPLIT, "func("+strings.Join(names, ", ")+" *float32, rows, cols, stride int)")
	Pragma("noescape")
	k := &kernel{set: s, tensors: tensors, columns: columns, sums: sums, base: map[string]reg.Register{}, col: GP64()}
	for _, n := range names {
		k.base[n] = Load(Param(n), GP64())
	}
	return k
}

// at is vector j of the columns at hand.
func (k *kernel) at(name string, j int) Mem {
	return Mem{Base: k.base[name], Index: k.col, Scale: 1, Disp: 4 * k.set.lanes * j}
}

// load reads vector j, unless a register holds it.
func (k *kernel) load(name string, j int) vec {
	if v, ok := k.resident[name]; ok {
		return v[j]
	}
	v := k.set.vec()
	VMOVUPS(k.at(name, j), v)
	return v
}

// column is vector j as an operand.
func (k *kernel) column(name string, j int) Op {
	if v, ok := k.resident[name]; ok {
		return v[j]
	}
	return k.at(name, j)
}

// keep writes vector j of a sum, unless a register holds it.
func (k *kernel) keep(name string, j int, v vec) {
	if k.resident == nil {
		VMOVUPS(v, k.at(name, j))
	}
}

// loops writes the rest of the function; body is what it does with vector j of the
// columns at hand.
func (k *kernel) loops(body func(j int)) {
	rows, cols, stride := Load(Param("rows"), GP64()), Load(Param("cols"), GP64()), Load(Param("stride"), GP64())
	vectors := unroll / k.set.lanes
	next := func(label string) {
		for _, t := range k.tensors {
			ADDQ(stride, k.base[t])
		}
		DECQ(rows)
		JNZ(LabelRef(label))
	}
	fits := k.set.lanes == 16 && k.sums != nil
	if fits {
		CMPQ(cols, U32(unroll))
		JEQ(LabelRef("narrow"))
	}
	SHLQ(U8(2), cols) // now in bytes

	Label("row")
	XORQ(k.col, k.col)

	Label("columns")
	for j := range vectors {
		body(j)
	}
	ADDQ(U32(4*unroll), k.col)
	CMPQ(k.col, cols)
	JLT(LabelRef("columns"))
	next("row")
	VZEROUPPER()
	RET()

	if fits {
		Label("narrow") // one strip of columns: registers hold what is theirs
		XORQ(k.col, k.col)
		resident := map[string][]vec{}
		for _, n := range slices.Concat(k.columns, k.sums) {
			for j := range vectors {
				resident[n] = append(resident[n], k.load(n, j))
			}
		}
		k.resident = resident

		Label("narrowRow")
		for j := range vectors {
			body(j)
		}
		next("narrowRow")
		for _, n := range k.sums {
			for j, v := range resident[n] {
				VMOVUPS(v, k.at(n, j))
			}
		}
		VZEROUPPER()
		RET()
	}
}
