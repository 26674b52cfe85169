// Command gen writes the vector kernels of package dot.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows is the number of rows that a kernel takes at once.
const rows = 4

func main() {
	ConstraintExpr("!purego")
	floats("floats4AVX512", 16, func() reg.VecVirtual { return ZMM() })
	floats("floats4AVX2", 8, func() reg.VecVirtual { return YMM() })
	ints("ints4AVX512", 32, func() reg.VecVirtual { return ZMM() })
	ints("ints4AVX2", 16, func() reg.VecVirtual { return YMM() })
	prefetch()
	Generate()
}

// prefetch asks for the lines of rows of n bytes.
func prefetch() {
	TEXT("prefetch4", NOSPLIT, "func(a, b, c, d *int8, n int)")
	Pragma("noescape")
	const line = 64 // bytes
	var row [rows]reg.GPVirtual
	for i, name := range []string{"a", "b", "c", "d"} {
		row[i] = GP64()
		Load(Param(name), row[i])
	}
	n, at := GP64(), GP64()
	Load(Param("n"), n)
	XORQ(at, at)

	Label("line")
	for _, r := range row {
		PREFETCHT0(Mem{Base: r, Index: at, Scale: 1})
	}
	ADDQ(U8(line), at)
	CMPQ(at, n)
	JLT(LabelRef("line"))
	RET()
}

// operands loads the arguments of a kernel: where the sums go, the query, the rows and
// how many values there are.
func operands() (dst, query reg.GPVirtual, row [rows]reg.GPVirtual, n reg.GPVirtual) {
	dst, query, n = GP64(), GP64(), GP64()
	Load(Param("dst"), dst)
	Load(Param("query"), query)
	for i, name := range []string{"a", "b", "c", "d"} {
		row[i] = GP64()
		Load(Param(name), row[i])
	}
	Load(Param("n"), n)
	return dst, query, row, n
}

// floats sums products of floats, lanes at a time.
func floats(name string, lanes int, vector func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(dst *[4]float32, query, a, b, c, d *float32, n int)")
	Pragma("noescape")
	dst, query, row, n := operands()
	var sum [rows]reg.VecVirtual
	for i := range sum {
		sum[i] = vector()
		VXORPS(sum[i], sum[i], sum[i])
	}
	at, q := GP64(), vector()
	XORQ(at, at)

	Label("block")
	VMOVUPS(Mem{Base: query, Index: at, Scale: 4}, q)
	for i := range sum {
		VFMADD231PS(Mem{Base: row[i], Index: at, Scale: 4}, q, sum[i])
	}
	ADDQ(U8(lanes), at)
	CMPQ(at, n)
	JLT(LabelRef("block"))

	for i, s := range sum {
		x, y := narrow(s, lanes == 16, VADDPS, VEXTRACTF64X4)
		VADDPS(y, x, x)
		VHADDPS(x, x, x)
		VHADDPS(x, x, x)
		VMOVSS(x, Mem{Base: dst, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// ints sums products of integers, lanes at a time: the rows' bytes become words, whose
// products are added in pairs.
func ints(name string, lanes int, vector func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(dst *[4]int32, query *int16, a, b, c, d *int8, n int)")
	Pragma("noescape")
	dst, query, row, n := operands()
	var sum [rows]reg.VecVirtual
	for i := range sum {
		sum[i] = vector()
		if lanes == 32 {
			VPXORD(sum[i], sum[i], sum[i])
		} else {
			VPXOR(sum[i], sum[i], sum[i])
		}
	}
	at, q := GP64(), vector()
	XORQ(at, at)

	Label("block")
	if lanes == 32 {
		VMOVDQU32(Mem{Base: query, Index: at, Scale: 2}, q)
	} else {
		VMOVDQU(Mem{Base: query, Index: at, Scale: 2}, q)
	}
	for i := range sum {
		x := vector()
		VPMOVSXBW(Mem{Base: row[i], Index: at, Scale: 1}, x)
		VPMADDWD(q, x, x)
		VPADDD(x, sum[i], sum[i])
	}
	ADDQ(U8(lanes), at)
	CMPQ(at, n)
	JLT(LabelRef("block"))

	for i, s := range sum {
		x, y := narrow(s, lanes == 32, VPADDD, VEXTRACTI64X4)
		VPADDD(y, x, x)
		VPHADDD(x, x, x)
		VPHADDD(x, x, x)
		VMOVD(x, Mem{Base: dst, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// narrow folds a vector to two of 128 bits.
func narrow(s reg.VecVirtual, wide bool, add, upper func(...Op)) (low, high reg.Register) {
	high = XMM()
	if wide {
		u := YMM()
		upper(U8(1), s, u)
		add(s.AsY(), u, u)
		VEXTRACTF128(U8(1), u, high)
		return u.AsX(), high
	}
	VEXTRACTF128(U8(1), s, high)
	return s.AsX(), high
}
