// Command gen writes the vector kernels of package norm. Each takes a strip of
// columns at a time, keeps what belongs to the columns in registers, and goes down
// the rows.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	for _, s := range []set{{"AVX512", 16}, {"AVX2", 8}} {
		moments(s)
		for _, relu := range []bool{false, true} {
			normalize(s, false, relu)
			normalize(s, true, relu)
			gradSums(s, relu)
			gradInput(s, relu, false)
		}
		gradInput(s, true, true)
	}
	Generate()
}

// moments adds Σ d and Σ d² to sum and sum2, d = x - shift.
func moments(s set) {
	k := s.begin("moments", 4, []string{"x"}, []string{"shift"}, []string{"sum", "sum2"})
	k.strips(func(j int) {
		d := s.vec()
		VMOVUPS(k.at("x", j), d)
		VSUBPS(k.params["shift"][j], d, d)
		VADDPS(d, k.sums["sum"][j], k.sums["sum"][j])
		VFMADD231PS(d, d, k.sums["sum2"][j])
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
	k := s.begin(name, 4, tensors, []string{"mean", "scale", "offset"}, nil)
	zero := s.zero()
	k.strips(func(j int) {
		v := s.vec()
		VMOVUPS(k.at("x", j), v)
		VSUBPS(k.params["mean"][j], v, v)
		VFMADD213PS(k.params["offset"][j], k.params["scale"][j], v)
		if residual {
			VADDPS(k.at("residual", j), v, v)
		}
		if relu {
			VMAXPS(v, zero, v) // NaN stays
		}
		VMOVUPS(v, k.at("y", j))
	})
}

// gradSums adds Σ g and Σ g (x - mean) to sum and sumX, g = dy where y > 0.
func gradSums(s set, relu bool) {
	name, tensors := "gradSums", []string{"x", "dy"}
	if relu {
		name, tensors = name+"ReLU", append(tensors, "y")
	}
	k := s.begin(name, 4, tensors, []string{"mean"}, []string{"sum", "sumX"})
	zero := s.zero()
	k.strips(func(j int) {
		g, d := k.gradient(relu, zero, j), s.vec()
		VMOVUPS(k.at("x", j), d)
		VSUBPS(k.params["mean"][j], d, d)
		VADDPS(g, k.sums["sum"][j], k.sums["sum"][j])
		VFMADD231PS(d, g, k.sums["sumX"][j])
	})
}

// gradInput writes dx = k0 g + (k1 (x - mean) + k2), and g to dResidual.
func gradInput(s set, relu, residual bool) {
	name, tensors := "gradInput", []string{"x", "dy", "dx"}
	if relu {
		name, tensors = name+"ReLU", append(tensors, "y")
	}
	if residual {
		name, tensors = name+"Residual", append(tensors, "dResidual")
	}
	vectors := s.lanes / 4 // AVX2 has registers for two vectors a strip
	k := s.begin(name, vectors, tensors, []string{"mean", "k0", "k1", "k2"}, nil)
	zero := s.zero()
	k.strips(func(j int) {
		g, d := k.gradient(relu, zero, j), s.vec()
		VMOVUPS(k.at("x", j), d)
		VSUBPS(k.params["mean"][j], d, d)
		VFMADD213PS(k.params["k2"][j], k.params["k1"][j], d)
		if residual {
			VMOVUPS(g, k.at("dResidual", j))
		}
		VFMADD231PS(k.params["k0"][j], g, d)
		VMOVUPS(d, k.at("dx", j))
	})
}

// gradient is dy, or where the ReLU was on, dy where y > 0 and 0 elsewhere.
func (k *kernel) gradient(relu bool, zero reg.VecVirtual, j int) reg.VecVirtual {
	const less = 0x11
	g := k.set.vec()
	switch {
	case !relu:
		VMOVUPS(k.at("dy", j), g)
	case k.set.lanes == 16:
		on := K()
		VCMPPS(U8(less), k.at("y", j), zero, on)
		VMOVUPS_Z(k.at("dy", j), on, g)
	default:
		VCMPPS(U8(less), k.at("y", j), zero, g)
		VANDPS(k.at("dy", j), g, g)
	}
	return g
}
