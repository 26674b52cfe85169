// Command gen writes the vector kernels of package norm. They go over a table row
// by row; each names the tensors that have an element at every place, and what
// there is for every column.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	ConstraintExpr("!purego")
	for _, s := range []set{{"AVX512", 16, false}, {"AVX2", 8, false}, {"Half", 16, true}} {
		moments(s)
		for _, relu := range []bool{false, true} {
			normalize(s, false, relu)
			normalize(s, true, relu)
		}
		for _, m := range []mask{noMask, byY, byX} {
			gradSums(s, m)
			gradInput(s, m, false)
		}
		gradInput(s, byY, true)
		if !s.half {
			widen(s)
		}
	}
	Generate()
}

// moments adds Σ d and Σ d² to sum and sum2, d = x - shift.
func moments(s set) {
	k := s.begin("moments", []string{"x"}, []string{"shift"}, []string{"sum", "sum2"})
	k.loops(func(j int) {
		d, sum, sum2 := k.load("x", j), k.load("sum", j), k.load("sum2", j)
		VSUBPS(k.column("shift", j), d, d)
		VADDPS(d, sum, sum)
		VFMADD231PS(d, d, sum2)
		k.keep("sum", j, sum)
		k.keep("sum2", j, sum2)
	})
}

// normalize writes y = (x - mean) scale + offset, plus the residual, cut off at 0.
func normalize(s set, residual, relu bool) {
	name, tensors := "normalize", []string{"x", "y"}
	if residual {
		name, tensors = name+"Residual", append(tensors, "residual")
	}
	if relu {
		name += "ReLU"
	}
	k := s.begin(name, tensors, []string{"mean", "scale", "offset"}, nil)
	zero := s.zero()
	k.loops(func(j int) {
		v, scale := k.load("x", j), k.load("scale", j)
		VSUBPS(k.column("mean", j), v, v)
		VFMADD213PS(k.column("offset", j), scale, v)
		if residual {
			VADDPS(k.operand("residual", j), v, v)
		}
		if relu {
			VMAXPS(v, zero, v) // NaN stays
		}
		k.store("y", j, v)
	})
}

// mask says where the gradient passes: everywhere, where y > 0, or where the y that
// follows from x would be.
type mask int

const (
	noMask mask = iota
	byY
	byX
)

func (m mask) String() string { return [...]string{"", "ReLU", "OwnReLU"}[m] }

// gradSums adds Σ g and Σ g (x - mean) to sum and sumX, where g = dy where it passes.
func gradSums(s set, m mask) {
	tensors, columns := []string{"x", "dy"}, []string{"mean"}
	switch m {
	case byY:
		tensors = append(tensors, "y")
	case byX:
		columns = append(columns, "scale", "offset")
	}
	k := s.begin("gradSums"+m.String(), tensors, columns, []string{"sum", "sumX"})
	zero := s.zero()
	k.loops(func(j int) {
		d := k.load("x", j)
		VSUBPS(k.column("mean", j), d, d)
		g := k.gradient(m, zero, d, "scale", j)
		sum, sumX := k.load("sum", j), k.load("sumX", j)
		VADDPS(g, sum, sum)
		VFMADD231PS(d, g, sumX)
		k.keep("sum", j, sum)
		k.keep("sumX", j, sumX)
	})
}

// gradInput writes dx = k0 g + (k1 (x - mean) + k2), and g to dResidual. k0 is the
// scale of the normalisation.
func gradInput(s set, m mask, residual bool) {
	name, tensors, columns := "gradInput"+m.String(), []string{"x", "dy", "dx"}, []string{"mean", "k0", "k1", "k2"}
	switch m {
	case byY:
		tensors = append(tensors, "y")
	case byX:
		columns = append(columns, "offset")
	}
	if residual {
		name, tensors = name+"Residual", append(tensors, "dResidual")
	}
	k := s.begin(name, tensors, columns, nil)
	zero := s.zero()
	k.loops(func(j int) {
		d := k.load("x", j)
		VSUBPS(k.column("mean", j), d, d)
		g, k1 := k.gradient(m, zero, d, "k0", j), k.load("k1", j)
		VFMADD213PS(k.column("k2", j), k1, d)
		if residual {
			k.store("dResidual", j, g)
		}
		VFMADD231PS(k.column("k0", j), g, d)
		k.store("dx", j, d)
	})
}

// gradient is dy where it passes and 0 elsewhere; d is x - mean.
func (k *kernel) gradient(m mask, zero, d vec, scale string, j int) vec {
	const less = 0x11
	if m == noMask {
		return k.load("dy", j)
	}
	var y Op
	if m == byY {
		y = k.operand("y", j)
	} else {
		v := k.set.vec()
		VMOVAPS(d, v)
		VFMADD213PS(k.column("offset", j), k.load(scale, j), v)
		y = v
	}
	g := k.set.vec()
	if k.set.lanes < 16 {
		VCMPPS(U8(less), y, zero, g)
		VANDPS(k.at("dy", j), g, g)
		return g
	}
	on := K()
	VCMPPS(U8(less), y, zero, on)
	if k.set.half {
		VMOVAPS_Z(k.load("dy", j), on, g)
	} else {
		VMOVUPS_Z(k.at("dy", j), on, g)
	}
	return g
}

// widen adds n float32, a positive multiple of unroll, to as many float64.
func widen(s set) {
	TEXT("widen"+s.name, NOSPLIT, "func(acc *float64, x *float32, n int)")
	Pragma("noescape")
	acc, x, n := Load(Param("acc"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	lanes := s.lanes / 2

	Label("loop")
	for j := range unroll / lanes {
		v := s.vec()
		VCVTPS2PD(Mem{Base: x, Disp: 4 * lanes * j}, v)
		VADDPD(Mem{Base: acc, Disp: 8 * lanes * j}, v, v)
		VMOVUPD(v, Mem{Base: acc, Disp: 8 * lanes * j})
	}
	ADDQ(U32(4*unroll), x)
	ADDQ(U32(8*unroll), acc)
	SUBQ(U8(unroll), n)
	JNZ(LabelRef("loop"))

	VZEROUPPER()
	RET()
}
