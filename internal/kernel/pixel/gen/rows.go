package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows writes down, the weighted sum of rows that lie pitch bytes apart, and smooth,
// in which all but the middle one are first added in pairs. src is the first row of
// down and the middle one of smooth. Four vectors are summed at a time, then the rest
// one by one.
func rows(s set, name string) {
	TEXT(name+s.name, NOSPLIT, "func(dst, src *float32, n, pitch int, w *float32, taps int)")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n, pitch := Load(Param("n"), GP64()), Load(Param("pitch"), GP64())
	w, taps := Load(Param("w"), GP64()), Load(Param("taps"), GP64())

	const many = 4
	for _, width := range []int{many, 1} {
		label := map[int]string{many: "block", 1: "single"}[width]
		end := map[int]string{many: "rest", 1: "done"}[width]
		pixels := width * s.lanes
		Label(label)
		CMPQ(n, U8(pixels))
		JL(LabelRef(end))

		weight := s.broadcast(Mem{Base: w})
		var sum []vec
		for i := range width {
			sum = append(sum, s.to(func(d vec) { VMULPS(Mem{Base: src, Disp: 4 * s.lanes * i}, weight, d) }))
		}
		below, above, k := GP64(), GP64(), GP64()
		MOVQ(src, below)
		MOVQ(src, above)
		MOVQ(U32(1), k)
		Label(label + "Tap")
		CMPQ(k, taps)
		JGE(LabelRef(label + "Store"))
		ADDQ(pitch, below)
		SUBQ(pitch, above)
		VBROADCASTSS(Mem{Base: w, Index: k, Scale: 4}, weight)
		for i := range width {
			x := s.load(Mem{Base: below, Disp: 4 * s.lanes * i})
			if name == "smooth" {
				VADDPS(Mem{Base: above, Disp: 4 * s.lanes * i}, x, x)
			}
			VMULPS(weight, x, x)
			VADDPS(x, sum[i], sum[i])
		}
		INCQ(k)
		JMP(LabelRef(label + "Tap"))
		Label(label + "Store")
		for i := range width {
			s.store(sum[i], Mem{Base: dst, Disp: 4 * s.lanes * i})
		}
		ADDQ(U32(4*pixels), dst)
		ADDQ(U32(4*pixels), src)
		SUBQ(U8(pixels), n)
		JMP(LabelRef(label))
		Label(end)
	}
	VZEROUPPER()
	RET()
}

// across gathers, for each output pixel and tap, the four bytes of an input pixel and
// its neighbour's first, which it drops.
func across(s set) {
	p := s.over("across", rgb, ", pix *uint8, first *int32, weight *float32, taps int")
	pix, first := Load(Param("pix"), GP64()), Load(Param("first"), GP64())
	weight, taps := Load(Param("weight"), GP64()), Load(Param("taps"), GP64())
	row := GP64() // bytes of one tap's weights
	MOVQ(p.index, row)
	NEGQ(row)
	SHLQ(U8(2), row)
	three := s.bits(3)
	var component []vec // moves a pixel's component to the low byte of its four, and clears the others
	for c := range rgb {
		var shuffle []uint32
		for lane := range s.lanes {
			shuffle = append(shuffle, 0x80808000+uint32(4*(lane%4)+c))
		}
		component = append(component, s.load(constants.block(shuffle)))
	}

	p.each(func(i int) {
		tag := map[bool]string{true: "low", false: "high"}[i == 0]
		offset := s.load(Mem{Base: first, Disp: 4 * i})
		VPMULLD(three, offset, offset)
		sum := []vec{s.zero(), s.zero(), s.zero()}
		at, k := GP64(), GP64()
		MOVQ(weight, at)
		MOVQ(taps, k)
		Label(tag + "Tap")
		bytes := s.gather(pix, offset)
		w := s.load(Mem{Base: at, Disp: 4 * i})
		for c := range sum {
			x := s.to(func(d vec) { VPSHUFB(component[c], bytes, d) })
			VCVTDQ2PS(x, x)
			VMULPS(w, x, x)
			VADDPS(x, sum[c], sum[c])
		}
		VPADDD(three, offset, offset)
		ADDQ(row, at)
		DECQ(k)
		JNZ(LabelRef(tag + "Tap"))
		for c := range sum {
			s.store(sum[c], p.at(c, i))
		}
		if i+s.lanes == group {
			ADDQ(U8(4*group), first)
			ADDQ(U8(4*group), weight)
		}
	}, nothing)
}

// gather loads four bytes from each offset.
func (s set) gather(base reg.Register, offset vec) vec {
	return s.to(func(d vec) {
		from := Mem{Base: base, Index: offset, Scale: 1}
		if s.wide() {
			k := K()
			KXNORW(k, k, k)
			VPXORD(d, d, d)
			VPGATHERDD(from, k, d)
		} else {
			mask := s.vec()
			VPCMPEQD(mask, mask, mask)
			VPXOR(d, d, d)
			VPGATHERDD(mask, from, d)
		}
	})
}
