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
//	func(tensors, columns, sums *float32, rows, cols, stride, stream int)
//
// that goes over cols columns, a positive multiple of unroll. Tensors have rows
// that are stride bytes apart; columns are read and sums added to for each column.
// A kernel without sums writes past the caches if stream is not 0; what it writes
// must then be aligned to a vector.
type kernel struct {
	set                    set
	tensors, columns, sums []string
	stream                 bool
	base                   map[string]reg.Register // where a tensor's row starts, or columns or sums
	col                    reg.Register            // bytes from there to the first of the columns at hand
	resident               map[string][]vec        // columns and sums, where registers hold them
}

func (s set) begin(name string, tensors, columns, sums []string) *kernel {
	names := slices.Concat(tensors, columns, sums)
	sign := "func(" + strings.Join(names, ", ") + " *float32, rows, cols, stride"
	if sums == nil {
		sign += ", stream"
	}
	TEXT(name+s.name, NOSPLIT, sign+" int)")
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

// store writes vector j of a tensor.
func (k *kernel) store(name string, j int, v vec) {
	if k.stream {
		VMOVNTPS(v, k.at(name, j))
	} else {
		VMOVUPS(v, k.at(name, j))
	}
}

// loops writes the rest of the function; body is what it does with vector j of the
// columns at hand.
func (k *kernel) loops(body func(j int)) {
	l := &loop{k, body, Load(Param("rows"), GP64()), Load(Param("cols"), GP64()), Load(Param("stride"), GP64())}
	if k.sums == nil {
		stream := Load(Param("stream"), GP64())
		TESTQ(stream, stream)
		JNZ(LabelRef("stream"))
		l.wide("")
		Label("stream")
		k.stream = true
		l.wide("Stream")
		return
	}
	narrow := k.set.lanes == 16 // AVX2 has too few registers
	if narrow {
		CMPQ(l.cols, U32(unroll))
		JEQ(LabelRef("narrow64"))
		CMPQ(l.cols, U32(2*unroll))
		JEQ(LabelRef("narrow128"))
	}
	l.wide("")
	if narrow {
		l.narrow("narrow64", unroll)
		l.narrow("narrow128", 2*unroll)
	}
}

// A loop goes over the elements of a kernel.
type loop struct {
	*kernel
	body               func(j int)
	rows, cols, stride reg.Register
}

// next goes to the next row, at a label, or returns after the last.
func (l *loop) next(label string) {
	for _, t := range l.tensors {
		ADDQ(l.stride, l.base[t])
	}
	DECQ(l.rows)
	JNZ(LabelRef(label))
}

// wide works for any number of columns; suffix tells its labels from others.
func (l *loop) wide(suffix string) {
	SHLQ(U8(2), l.cols) // now in bytes

	Label("row" + suffix)
	XORQ(l.col, l.col)

	Label("columns" + suffix)
	for j := range unroll / l.set.lanes {
		l.body(j)
	}
	ADDQ(U32(4*unroll), l.col)
	CMPQ(l.col, l.cols)
	JLT(LabelRef("columns" + suffix))
	l.next("row" + suffix)
	if l.stream {
		SFENCE()
	}
	VZEROUPPER()
	RET()
}

// narrow is for so few columns that registers hold what is theirs.
func (l *loop) narrow(label string, columns int) {
	Label(label)
	XORQ(l.col, l.col)
	l.resident = nil
	resident := map[string][]vec{}
	for _, n := range slices.Concat(l.columns, l.sums) {
		for j := range columns / l.set.lanes {
			resident[n] = append(resident[n], l.load(n, j))
		}
	}
	l.resident = resident

	Label(label + "row")
	for j := range columns / l.set.lanes {
		l.body(j)
	}
	l.next(label + "row")

	for _, n := range l.sums {
		for j, v := range resident[n] {
			VMOVUPS(v, l.at(n, j))
		}
	}
	VZEROUPPER()
	RET()
}
