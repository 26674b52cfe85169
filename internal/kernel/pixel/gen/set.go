package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is the number of pixels that all kernels take whole groups of.
const group = 16

// A set is an instruction set. Its methods write one instruction, or the few that
// the sets differ in, and return the result.
type set struct {
	name  string
	lanes int
}

type vec = reg.VecVirtual

func (s set) wide() bool { return s.lanes == 16 }

func (s set) vec() vec {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// to calls f with a new vector to write, and returns that.
func (s set) to(f func(dst vec)) vec {
	dst := s.vec()
	f(dst)
	return dst
}

func (s set) add(x, y vec) vec { return s.to(func(d vec) { VADDPS(y, x, d) }) }
func (s set) sub(x, y vec) vec { return s.to(func(d vec) { VSUBPS(y, x, d) }) }
func (s set) mul(x, y vec) vec { return s.to(func(d vec) { VMULPS(y, x, d) }) }
func (s set) max(x, y vec) vec { return s.to(func(d vec) { VMAXPS(y, x, d) }) }
func (s set) min(x, y vec) vec { return s.to(func(d vec) { VMINPS(y, x, d) }) }

// load, store and broadcast move floats.
func (s set) load(m Mem) vec      { return s.to(func(d vec) { VMOVUPS(m, d) }) }
func (s set) store(v vec, m Mem)  { VMOVUPS(v, m) }
func (s set) broadcast(m Op) vec  { return s.to(func(d vec) { VBROADCASTSS(m, d) }) }
func (s set) float(c float32) vec { return s.bits(math.Float32bits(c)) }
func (s set) bits(c uint32) vec   { return s.broadcast(constants.ref(c)) }
func (s set) zero() vec           { return s.to(func(d vec) { VXORPS(d, d, d) }) }

// whereEqual is yes in the lanes in which x and y are equal, else no.
func (s set) whereEqual(x, y, yes, no vec) vec {
	const eq = U8(0)
	return s.to(func(d vec) {
		if s.wide() {
			k := K()
			VCMPPS(eq, y, x, k)
			VBLENDMPS(yes, no, k, d)
		} else {
			VCMPPS(eq, y, x, d)
			VBLENDVPS(d, yes, no, d)
		}
	})
}

// clipper brings vectors into [0,1]. A negative zero becomes zero.
func (s set) clipper() func(x vec) vec {
	zero, one := s.zero(), s.float(1)
	return func(x vec) vec { return s.min(s.max(x, zero), one) }
}

// A table holds constants, each once.
type table struct {
	index  map[uint32]int
	values []uint32
}

var constants = table{index: map[uint32]int{}}

func (t *table) ref(c uint32) Mem {
	i, ok := t.index[c]
	if !ok {
		i = len(t.values)
		t.index[c] = i
		t.values = append(t.values, c)
	}
	return t.at(i)
}

// block appends constants that lie one after the other.
func (t *table) block(values []uint32) Mem {
	i := len(t.values)
	t.values = append(t.values, values...)
	return t.at(i)
}

func (t *table) at(i int) Mem {
	return Mem{Symbol: Symbol{Name: "constants", Static: true}, Base: reg.StaticBase, Disp: 4 * i}
}

func (t *table) emit() {
	GLOBL("constants", RODATA|NOPTR)
	for i, c := range t.values {
		DATA(4*i, U32(c))
	}
}
