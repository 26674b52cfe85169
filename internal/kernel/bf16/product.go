package bf16

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/tile"
)

// Kernel computes tiles of Groups·Rows rows by Width columns. The rows of a
// group lie at equal distances; each group may lie anywhere.
type Kernel struct {
	Groups, Rows, Width int
	unit                cpu.BF16
}

// Width is the columns of a tile, of every kernel; maxGroups the most groups.
const (
	Width     = 32
	maxGroups = 3
)

// For returns the unit's kernel.
func For(u cpu.BF16) Kernel {
	switch u {
	case cpu.BF16Tile:
		return Kernel{2, 16, Width, u}
	case cpu.BF16Vector:
		return Kernel{3, 4, Width, u}
	}
	return Kernel{1, 4, Width, u}
}

// Group is where the first of a group's rows begins in A and in C.
type Group = tile.Group

// Product is C = A·B with a sum of Outer·Inner blocks of Block terms each. Row r
// of a group g and column j of it is
//
//	C[g.C + r CRow + j] = Σ_{l < Outer} Σ_{m < Inner} Σ_{k < Block}
//	    A[g.A + r ARow + l AOuter + m Block + k] B[l, m, k, j]
//
// where the pairs (k, k+1), k even, are neighbours in B [Outer, Inner, Block/2,
// Width, 2]. Block is even and at most 32. All distances are in elements.
type Product struct {
	Outer, Inner, Block int
	A                   []T
	ARow, AOuter        int
	B                   []T
	CRow                int
}

// Blocks cuts a sum of run terms into blocks of equal, even length, or of more
// than run terms together if that cannot be.
func Blocks(run int) (inner, length int) {
	inner = max(1, (run+31)/32)
	return inner, (run + 2*inner - 1) / (2 * inner) * 2
}

// Half writes C as bfloat16: the first rows rows of each group and the first
// columns columns, plus the same elements of plus, unless it is nil. More of A is read, up to the kernel's Rows. Groups must not
// overlap in C. scratch is ScratchFloats long.
func (k Kernel) Half(p *Product, c, plus []T, groups []Group, rows, columns int, scratch []float32) {
	if len(groups) == 0 {
		return
	}
	k.check(p, groups)
	for _, g := range groups {
		last := g.C + (rows-1)*p.CRow + columns - 1
		_ = c[last]
		if plus != nil {
			_ = plus[last]
		}
	}
	whole := len(groups) / k.Groups * k.Groups
	if whole > 0 {
		k.half(p, c, plus, groups[:whole], rows, columns, scratch)
	}
	if whole < len(groups) {
		var last [maxGroups]Group
		k.half(p, c, plus, k.repeat(&last, groups[whole:]), rows, columns, scratch)
	}
}

// ScratchFloats is what Half needs.
const ScratchFloats = 2 * 16 * Width

// Float writes C as float32, or adds to it, in whole tiles.
func (k Kernel) Float(p *Product, c []float32, add bool, groups []Group) {
	if len(groups) == 0 {
		return
	}
	k.check(p, groups)
	for _, g := range groups {
		_ = c[g.C+(k.Rows-1)*p.CRow+Width-1]
	}
	whole := len(groups) / k.Groups * k.Groups
	if whole > 0 {
		k.float(p, c, add, groups[:whole])
	}
	if whole < len(groups) {
		var last [maxGroups]Group
		k.float(p, c, add, k.repeat(&last, groups[whole:]))
	}
}

// repeat fills a tile with the last of some groups. To compute a group twice
// does no harm: float reads all of its C before it writes any, and plus is not C.
func (k Kernel) repeat(tile *[maxGroups]Group, groups []Group) []Group {
	for i := range k.Groups {
		tile[i] = groups[min(i, len(groups)-1)]
	}
	return tile[:k.Groups]
}

// check panics if A or B is too short.
func (k Kernel) check(p *Product, groups []Group) {
	first := 0
	for _, g := range groups {
		first = max(first, g.A)
	}
	_ = p.A[first+(k.Rows-1)*p.ARow+(p.Outer-1)*p.AOuter+p.Inner*p.Block-1]
	_ = p.B[p.Outer*p.Inner*p.Block*Width-1]
}

func (k Kernel) half(p *Product, c, plus []T, groups []Group, rows, columns int, scratch []float32) {
	if k.halfVector(p, c, plus, groups, rows, columns, scratch) {
		return
	}
	var sum [Width]float32
	for _, g := range groups {
		for r := range rows {
			clear(sum[:])
			p.add(&sum, g.A+r*p.ARow)
			if plus != nil {
				for j, e := range plus[g.C+r*p.CRow:][:columns] {
					sum[j] += e.Float32()
				}
			}
			Narrow(cpu.Generic, c[g.C+r*p.CRow:][:columns], sum[:columns])
		}
	}
}

func (k Kernel) float(p *Product, c []float32, add bool, groups []Group) {
	if k.floatVector(p, c, add, groups) {
		return
	}
	for _, g := range groups {
		for r := range k.Rows {
			sum := (*[Width]float32)(c[g.C+r*p.CRow:])
			if !add {
				clear(sum[:])
			}
			p.add(sum, g.A+r*p.ARow)
		}
	}
}

// add adds the products of the row of A at a: the loop that the units run.
func (p *Product) add(sum *[Width]float32, a int) {
	b := p.B
	for l := range p.Outer {
		for k := 0; k < p.Inner*p.Block; k += 2 {
			x, y := p.A[a+l*p.AOuter+k].Float32(), p.A[a+l*p.AOuter+k+1].Float32()
			for j := range sum {
				sum[j] += x*b[2*j].Float32() + y*b[2*j+1].Float32()
			}
			b = b[2*Width:]
		}
	}
}
