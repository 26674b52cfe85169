package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A set is an instruction set. Its methods write one instruction, or the few that
// the sets differ in, and return the result.
type set struct {
	name  string
	lanes int
}

type vec = reg.VecVirtual

func (s set) vec() vec {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

func (s set) wide() bool { return s.lanes == 16 }

// to calls f with a new vector to write, and returns that.
func (s set) to(f func(dst vec)) vec {
	dst := s.vec()
	f(dst)
	return dst
}

func (s set) add(x, y vec) vec { return s.to(func(d vec) { VADDPS(y, x, d) }) }
func (s set) sub(x, y vec) vec { return s.to(func(d vec) { VSUBPS(y, x, d) }) }
func (s set) mul(x, y vec) vec { return s.to(func(d vec) { VMULPS(y, x, d) }) }
func (s set) div(x, y vec) vec { return s.to(func(d vec) { VDIVPS(y, x, d) }) }
func (s set) and(x, y vec) vec { return s.to(func(d vec) { VANDPS(y, x, d) }) }
func (s set) or(x, y vec) vec  { return s.to(func(d vec) { VORPS(y, x, d) }) }
func (s set) xor(x, y vec) vec { return s.to(func(d vec) { VXORPS(y, x, d) }) }
func (s set) sqrt(x vec) vec   { return s.to(func(d vec) { VSQRTPS(x, d) }) }

// max and min give y where x and y are equal or one is NaN.
func (s set) max(x, y vec) vec { return s.to(func(d vec) { VMAXPS(y, x, d) }) }
func (s set) min(x, y vec) vec { return s.to(func(d vec) { VMINPS(y, x, d) }) }

// fma is x*y + z.
func (s set) fma(x, y, z vec) vec {
	return s.to(func(d vec) {
		VMOVAPS(x, d)
		VFMADD213PS(z, y, d)
	})
}

// Integer lanes.
func (s set) addInt(x, y vec) vec            { return s.to(func(d vec) { VPADDD(y, x, d) }) }
func (s set) subInt(x, y vec) vec            { return s.to(func(d vec) { VPSUBD(y, x, d) }) }
func (s set) shiftLeft(x vec, n uint8) vec   { return s.to(func(d vec) { VPSLLD(U8(n), x, d) }) }
func (s set) shiftRight(x vec, n uint8) vec  { return s.to(func(d vec) { VPSRAD(U8(n), x, d) }) }
func (s set) toInt(x vec) vec                { return s.to(func(d vec) { VCVTPS2DQ(x, d) }) }
func (s set) fromInt(x vec) vec              { return s.to(func(d vec) { VCVTDQ2PS(x, d) }) }
func (s set) round(x vec, mode rounding) vec { return s.to(func(d vec) { s.roundTo(x, mode, d) }) }

// rounding is an immediate of VROUNDPS and VRNDSCALEPS.
type rounding uint8

const (
	nearestEven rounding = 8 + iota
	down
	up
)

func (s set) roundTo(x vec, mode rounding, d vec) {
	if s.wide() {
		VRNDSCALEPS(U8(mode), x, d)
	} else {
		VROUNDPS(U8(mode), x, d)
	}
}

// predicate is an immediate of VCMPPS: how two lanes compare.
type predicate uint8

const (
	eq        predicate = 0x00
	unordered predicate = 0x03
	ne        predicate = 0x04 // or unordered
	eqOrNaN   predicate = 0x08
	lt        predicate = 0x11
	le        predicate = 0x12
	ge        predicate = 0x1d
	gt        predicate = 0x1e
)

// A condition is the outcome of a comparison: a mask register or a vector.
type condition reg.Register

func (s set) compare(p predicate, x, y vec) condition {
	var d reg.Register = s.vec()
	if s.wide() {
		d = K()
	}
	VCMPPS(U8(p), y, x, d)
	return d
}

// blend is yes where c holds, else no.
func (s set) blend(c condition, yes, no vec) vec {
	return s.to(func(d vec) {
		if s.wide() {
			VBLENDMPS(yes, no, c, d)
		} else {
			VBLENDVPS(c, yes, no, d)
		}
	})
}

// mask is 1 where c holds, else 0.
func (s set) mask(c condition) vec {
	return s.to(func(d vec) {
		if s.wide() {
			VMOVAPS_Z(s.float(1), c, d)
		} else {
			VANDPS(s.float(1), c, d)
		}
	})
}

// float and bits broadcast a constant.
func (s set) float(c float32) vec { return s.bits(math.Float32bits(c)) }
func (s set) bits(c uint32) vec {
	return s.to(func(d vec) { VBROADCASTSS(constants.ref(c), d) })
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
	return Mem{Symbol: Symbol{Name: "constants", Static: true}, Base: reg.StaticBase, Disp: 4 * i}
}

func (t *table) emit() {
	GLOBL("constants", RODATA|NOPTR)
	for i, c := range t.values {
		DATA(4*i, U32(c))
	}
}

// scale is x * 2^n, for n a whole number, x near 1; it rounds once.
func (s set) scale(x, n vec) vec {
	if s.wide() {
		return s.to(func(d vec) { VSCALEFPS(n, x, d) })
	}
	// 2^n may be no float32 where the product is one, so multiply by 2^⌊n/2⌋ first,
	// which is exact.
	i := s.toInt(n)
	half := s.shiftRight(i, 1)
	x = s.mul(x, s.power(half))
	return s.mul(x, s.power(s.subInt(i, half)))
}

// power is 2^i.
func (s set) power(i vec) vec {
	const bias, mantissaBits = 127, 23
	return s.shiftLeft(s.addInt(i, s.bits(bias)), mantissaBits)
}
