package main

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vec = reg.VecVirtual

// A set is an instruction set, and the elements of tensors: float32, or with half
// bfloat16. Columns and sums are float32.
type set struct {
	name  string
	lanes int
	half  bool
}

// element is the size of a tensor's elements in bytes.
func (s set) element() int {
	if s.half {
		return 2
	}
	return 4
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
	one, almostHalf        vec                     // of half: what rounding adds
	resident               map[string][]vec        // columns and sums, where registers hold them
}

func (s set) begin(name string, tensors, columns, sums []string) *kernel {
	names := slices.Concat(tensors, columns, sums)
	sign := "func(" + strings.Join(names, ", ") + " *float32, rows, cols, stride"
	if s.half {
		sign = "func(" + strings.Join(tensors, ", ") + " *uint16, " + strings.Join(names[len(tensors):], ", ") + " *float32, rows, cols, stride"
	}
	if sums == nil {
		sign += ", stream"
	}
	TEXT(name+s.name, NOSPLIT, sign+" int)")
	Pragma("noescape")
	k := &kernel{set: s, tensors: tensors, columns: columns, sums: sums, base: map[string]reg.Register{}, col: GP64()}
	for _, n := range names {
		k.base[n] = Load(Param(n), GP64())
	}
	if s.half && sums == nil {
		k.one, k.almostHalf = s.constant(1), s.constant(0x7fff)
	}
	return k
}

// at is vector j of the columns at hand.
func (k *kernel) at(name string, j int) Mem {
	if k.isTensor(name) {
		return Mem{Base: k.base[name], Index: k.col, Scale: 1, Disp: k.set.element() * k.set.lanes * j}
	}
	return Mem{Base: k.base[name], Index: k.col, Scale: uint8(4 / k.set.element()), Disp: 4 * k.set.lanes * j}
}

func (k *kernel) isTensor(name string) bool { return slices.Contains(k.tensors, name) }

// load reads vector j, unless a register holds it.
func (k *kernel) load(name string, j int) vec {
	if v, ok := k.resident[name]; ok {
		return v[j]
	}
	v := k.set.vec()
	if k.set.half && k.isTensor(name) {
		VPMOVZXWD(k.at(name, j), v)
		VPSLLD(U8(16), v, v)
		return v
	}
	VMOVUPS(k.at(name, j), v)
	return v
}

// operand is vector j of a tensor as an operand.
func (k *kernel) operand(name string, j int) Op {
	if k.set.half {
		return k.load(name, j)
	}
	return k.at(name, j)
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
	if k.set.half {
		k.round(k.at(name, j), v)
		return
	}
	if k.stream {
		VMOVNTPS(v, k.at(name, j))
	} else {
		VMOVUPS(v, k.at(name, j))
	}
}

// round writes the nearest bfloat16 of v, which it keeps: half of their distance
// is added, or a little less where the lower one is even.
func (k *kernel) round(to Mem, v vec) {
	r, low := k.set.vec(), YMM()
	VPSRLD(U8(16), v, r)
	VPANDD(k.one, r, r)
	VPADDD(k.almostHalf, r, r)
	VPADDD(v, r, r)
	VPSRLD(U8(16), r, r)
	VPMOVDW(r, low)
	if k.stream {
		VMOVNTDQ(low, to)
	} else {
		VMOVDQU(low, to)
	}
}

// constant is a vector of one value.
func (s set) constant(value uint64) vec {
	g, v := GP32(), s.vec()
	MOVL(U32(value), g)
	VPBROADCASTD(g, v)
	return v
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
	const registers = 24 // for columns and sums; AVX2 has too few
	var narrow []int
	for n := unroll; k.set.lanes == 16 && (len(k.columns)+len(k.sums))*n/k.set.lanes <= registers; n *= 2 {
		narrow = append(narrow, n)
		CMPQ(l.cols, U32(n))
		JEQ(LabelRef(fmt.Sprint("narrow", n)))
	}
	l.wide("")
	for _, n := range narrow {
		l.narrow(fmt.Sprint("narrow", n), n)
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
	SHLQ(U8(l.set.element()/2), l.cols) // now in bytes

	Label("row" + suffix)
	XORQ(l.col, l.col)

	Label("columns" + suffix)
	for j := range unroll / l.set.lanes {
		l.body(j)
	}
	ADDQ(U32(l.set.element()*unroll), l.col)
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
