// Command gen writes the vector kernels of package eltwise: for each operation and
// instruction set one loop over groups of 16 elements.
package main

import (
	"log"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is the number of elements a kernel takes at a time: one vector of AVX-512,
// two of AVX2.
const group = 16

func main() {
	sets := []set{{"AVX512", 16}, {"AVX2", 8}}
	if err := writeSwitch("../switch_amd64.go", sets); err != nil {
		log.Fatal(err)
	}
	ConstraintExpr("!purego")
	for _, s := range sets {
		for _, op := range ops {
			s.kernel(op)
		}
	}
	constants.emit()
	Generate()
}

// An op computes one vector from vectors of its operands, which are named inputs.
type op struct {
	name   string // of the constant in package eltwise
	inputs []string
	body   func(s set, in ...vec) vec
}

// kernel writes func(dst, x, ... *float32, n, dx, ... int): n is a positive multiple
// of group, dx the bytes from one group of x to the next (0 repeats the first).
func (s set) kernel(op op) {
	sign := "func(dst"
	for _, in := range op.inputs {
		sign += ", " + in
	}
	sign += " *float32, n"
	for _, in := range op.inputs {
		sign += ", d" + in
	}
	TEXT(s.function(op), NOSPLIT, sign+" int)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	n := Load(Param("n"), GP64())
	var from, step []reg.Register
	for _, in := range op.inputs {
		from = append(from, Load(Param(in), GP64()))
		step = append(step, Load(Param("d"+in), GP64()))
	}

	Label("loop")
	for offset := 0; offset < 4*group; offset += 4 * s.lanes {
		var in []vec
		for i := range from {
			v := s.vec()
			VMOVUPS(Mem{Base: from[i], Disp: offset}, v)
			in = append(in, v)
		}
		VMOVUPS(op.body(s, in...), Mem{Base: dst, Disp: offset})
	}
	for i := range from {
		ADDQ(step[i], from[i])
	}
	ADDQ(U8(4*group), dst)
	SUBQ(U8(group), n)
	JNZ(LabelRef("loop"))

	VZEROUPPER()
	RET()
}

// function is the name of an operation's kernel.
func (s set) function(op op) string {
	return strings.ToLower(op.name[:1]) + op.name[1:] + s.name
}
