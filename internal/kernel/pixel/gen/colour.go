package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planes is a loop over pixels of one or more planes, which it addresses by one
// index that counts up to zero.
type planes struct {
	set
	base  []reg.Register // one after the end of each plane
	index reg.GPVirtual  // -n ... 0
}

// over begins a kernel with the planes named, n, and further parameters.
func (s set) over(name string, names []string, further string) planes {
	sign := "func("
	for _, p := range names {
		sign += p + ", "
	}
	TEXT(name+s.name, NOSPLIT, sign[:len(sign)-2]+" *float32, n int"+further+")")
	Pragma("noescape")
	p := planes{set: s, index: Load(Param("n"), GP64()).(reg.GPVirtual)}
	for _, name := range names {
		end := Load(Param(name), GP64())
		LEAQ(Mem{Base: end, Index: p.index, Scale: 4}, end)
		p.base = append(p.base, end)
	}
	NEGQ(p.index)
	return p
}

func (p planes) at(plane, offset int) Mem {
	return Mem{Base: p.base[plane], Index: p.index, Scale: 4, Disp: 4 * offset}
}

// each writes the loop with a body for the lanes from offset on of a group, and the
// kernel's end, before which come final instructions.
func (p planes) each(body func(offset int), final func()) {
	Label("loop")
	for offset := 0; offset < group; offset += p.lanes {
		body(offset)
	}
	ADDQ(U8(group), p.index)
	JNZ(LabelRef("loop"))
	final()
	VZEROUPPER()
	RET()
}

func nothing() {}

// rgb loads the components of pixels.
func (p planes) rgb(offset int) (r, g, b vec) {
	return p.load(p.at(0, offset)), p.load(p.at(1, offset)), p.load(p.at(2, offset))
}

var rgb = []string{"red", "green", "blue"} // in assembly a plain g is a register

// weigher computes gray values.
func (s set) weigher() func(r, g, b vec) vec {
	wr, wg, wb := s.float(0.2989), s.float(0.587), s.float(0.114)
	return func(r, g, b vec) vec { return s.add(s.add(s.mul(r, wr), s.mul(g, wg)), s.mul(b, wb)) }
}

func scale(s set) {
	p := s.over("scale", []string{"x"}, ", a, b float32")
	a, b, clip := s.param("a"), s.param("b"), s.clipper()
	p.each(func(i int) {
		p.store(clip(s.add(s.mul(p.load(p.at(0, i)), a), b)), p.at(0, i))
	}, nothing)
}

// param broadcasts a parameter.
func (s set) param(name string) vec {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return s.broadcast(b.Addr)
}

func gray(s set) {
	p := s.over("gray", rgb, "")
	weigh := s.weigher()
	p.each(func(i int) {
		y := weigh(p.rgb(i))
		for c := range rgb {
			p.store(y, p.at(c, i))
		}
	}, nothing)
}

func graySum(s set) {
	p := s.over("graySum", rgb, ", lane *[16]float32")
	weigh := s.weigher()
	lane := Mem{Base: Load(Param("lane"), GP64())}
	var sum []vec
	for range group / s.lanes {
		sum = append(sum, s.zero())
	}
	p.each(func(i int) {
		l := sum[i/s.lanes]
		VADDPS(weigh(p.rgb(i)), l, l)
	}, func() {
		for i, l := range sum {
			s.store(l, lane.Offset(4*i*s.lanes))
		}
	})
}

// saturate takes t and u = 1-t.
func saturate(s set) {
	p := s.over("saturate", rgb, ", t, u float32")
	t, u, clip, weigh := s.param("t"), s.param("u"), s.clipper(), s.weigher()
	p.each(func(i int) {
		r, g, b := p.rgb(i)
		y := s.mul(u, weigh(r, g, b))
		for c, x := range []vec{r, g, b} {
			p.store(clip(s.add(s.mul(t, x), y)), p.at(c, i))
		}
	}, nothing)
}

func hue(s set) {
	p := s.over("hue", rgb, ", shift *[3]float32")
	clip, zero, magnitude := s.clipper(), s.zero(), s.bits(1<<31-1)
	abs := func(x vec) vec { return s.to(func(d vec) { VANDPS(x, magnitude, d) }) }
	shift := Load(Param("shift"), GP64())
	p.each(func(i int) {
		r, g, b := p.rgb(i)
		v := s.max(s.max(r, g), b)
		c := s.sub(v, s.min(s.min(r, g), b))
		c2 := s.add(c, c)
		c4 := s.add(c2, c2)
		c6 := s.add(c4, c2)
		h := s.add(s.sub(r, g), c4)
		h = s.whereEqual(v, g, s.add(s.sub(b, r), c2), h)
		h = s.whereEqual(v, r, s.sub(g, b), h)
		for k := range rgb {
			turn := s.broadcast(Mem{Base: shift, Disp: 4 * k})
			u := s.add(h, s.mul(turn, c))
			d := s.min(abs(u), abs(s.sub(u, c6)))
			drop := s.max(s.min(s.sub(c2, d), c), zero)
			p.store(clip(s.sub(v, drop)), p.at(k, i))
		}
	}, nothing)
}

// interleave makes three vectors of what three hold: lane l of vector o is component
// e mod 3 of pixel e/3 with e = lanes*o + l.
func interleave(s set) {
	p := s.over("interleave", rgb, ", dst *float32")
	dst, clip := Load(Param("dst"), GP64()), s.clipper()
	var pixels []vec // by o: which pixel a lane holds
	for o := range 3 {
		var index []uint32
		for l := range s.lanes {
			index = append(index, uint32((s.lanes*o+l)/3))
		}
		pixels = append(pixels, s.load(constants.block(index)))
	}
	lanesOf := func(o, c int) (mask int) {
		for l := range s.lanes {
			if (s.lanes*o+l)%3 == c {
				mask |= 1 << l
			}
		}
		return mask
	}
	var masks [3][3]reg.Register // by o and c, of AVX-512
	if s.wide() {
		// They repeat: o and c determine (c-o) mod 3.
		for d := range 3 {
			bits, k := GP32(), K()
			MOVL(U32(lanesOf(0, d)), bits)
			KMOVW(bits, k)
			for o := range 3 {
				masks[o][(d+s.lanes*o)%3] = k
			}
		}
	}
	p.each(func(i int) {
		r, g, b := p.rgb(i)
		r, g, b = clip(r), clip(g), clip(b)
		for o := range 3 {
			out := s.to(func(d vec) { VPERMPS(r, pixels[o], d) })
			for c, x := range []vec{g, b} {
				if s.wide() {
					VPERMPS(x, pixels[o], masks[o][c+1], out)
				} else {
					x = s.to(func(d vec) { VPERMPS(x, pixels[o], d) })
					VBLENDPS(U8(lanesOf(o, c+1)), x, out, out)
				}
			}
			s.store(out, Mem{Base: dst, Disp: 4 * s.lanes * o})
		}
		ADDQ(U32(4*3*s.lanes), dst)
	}, nothing)
}
