// Package tile is the innermost loops of matrix products and convolutions: a
// tile of the result stays in registers while the sum runs.
//
// Each element is one chain of fused multiply-adds in the order of the sum, so
// all variants (generic, AVX2, AVX-512) give the same bits, and a sum may be
// cut anywhere into a product and others that add to it.
package tile

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg tile

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

// Kernel computes tiles of Groups·Rows rows by Width columns. The rows of a
// group lie at equal distances; each group may lie anywhere.
type Kernel struct {
	Groups, Rows, Width int
	level               cpu.Level
}

// The largest tile.
const (
	maxGroups = 6
	maxFloats = 24 * 16
)

// For returns the kernel for a result of that many columns.
func For(lv cpu.Level, columns int) Kernel {
	switch {
	case lv == cpu.AVX512 && columns > 16 && (columns-1)%32 >= 16:
		return Kernel{3, 4, 32, lv}
	case lv == cpu.AVX512:
		return Kernel{6, 4, 16, lv}
	case lv == cpu.AVX2:
		return Kernel{3, 2, 16, lv}
	default:
		return Kernel{1, 4, 8, lv}
	}
}

// Group is where the first of a group's rows begins in A and in C.
type Group struct{ A, C int }

// Product is C = A·B, or C += A·B with Add, with a sum of three loops. Row r of
// a group g and column j of it is
//
//	C[g.C + r CRow + j] = Σ_{l < Loops[0]} Σ_{m < Loops[1]} Σ_{n < Loops[2]}
//	    A[g.A + r ARow + (l, m, n)·AStep] B[(l, m, n)·BStep + j]
//
// Every loop runs at least once. Distances are in floats and not negative.
type Product struct {
	Loops [3]int
	A     []float32
	ARow  int
	AStep [3]int
	B     []float32
	BStep [3]int
	C     []float32
	CRow  int
	Add   bool
}

// Do computes the first rows rows of each group and the first columns columns.
// More of A and B is read, up to the kernel's Rows and Width, and must lie within
// the slices, but does not reach C. Groups must not overlap in C.
func (k Kernel) Do(p *Product, groups []Group, rows, columns int) {
	if len(groups) == 0 {
		return
	}
	k.check(p, groups)
	if rows < k.Rows || columns < k.Width {
		k.spill(p, groups, rows, columns)
		return
	}
	whole := len(groups) / k.Groups * k.Groups
	if whole > 0 {
		k.run(p, groups[:whole])
	}
	if whole < len(groups) {
		var last [maxGroups]Group
		k.run(p, k.repeat(&last, groups[whole:]))
	}
}

// check panics if A or B is too short.
func (k Kernel) check(p *Product, groups []Group) {
	first := 0
	for _, g := range groups {
		first = max(first, g.A)
	}
	_ = p.A[first+(k.Rows-1)*p.ARow+p.reach(p.AStep)]
	_ = p.B[p.reach(p.BStep)+k.Width-1]
}

// reach is the offset of the last term of the sum.
func (p *Product) reach(step [3]int) (n int) {
	for i, loop := range p.Loops {
		n += (loop - 1) * step[i]
	}
	return n
}

// repeat fills a tile with the last of some groups. To compute a group twice
// does no harm: a tile reads all of its C before it writes any.
func (k Kernel) repeat(tile *[maxGroups]Group, groups []Group) []Group {
	for i := range k.Groups {
		tile[i] = groups[min(i, len(groups)-1)]
	}
	return tile[:k.Groups]
}

// spill computes tiles aside and copies what belongs into C.
func (k Kernel) spill(p *Product, groups []Group, rows, columns int) {
	var (
		floats [maxFloats]float32
		tile   [maxGroups]Group
		aside  = *p
	)
	aside.C, aside.CRow = floats[:], k.Width
	for ; len(groups) > 0; groups = groups[min(k.Groups, len(groups)):] {
		k.repeat(&tile, groups)
		for i := range tile[:k.Groups] {
			to := tile[i].C
			tile[i].C = i * k.Rows * k.Width
			for r := 0; r < rows && p.Add; r++ {
				copy(floats[tile[i].C+r*k.Width:][:columns], p.C[to+r*p.CRow:])
			}
		}
		k.run(&aside, tile[:k.Groups])
		for i, g := range groups[:min(k.Groups, len(groups))] {
			for r := range rows {
				copy(p.C[g.C+r*p.CRow:][:columns], floats[tile[i].C+r*k.Width:])
			}
		}
	}
}

// run computes whole tiles.
func (k Kernel) run(p *Product, groups []Group) {
	for _, g := range groups {
		_ = p.C[g.C+(k.Rows-1)*p.CRow+k.Width-1]
	}
	if !k.vector(p, groups) {
		k.generic(p, groups)
	}
}

func (k Kernel) generic(p *Product, groups []Group) {
	for _, g := range groups {
		for r := range k.Rows {
			c := p.C[g.C+r*p.CRow:][:k.Width]
			if !p.Add {
				clear(c)
			}
			for l := range p.Loops[0] {
				for m := range p.Loops[1] {
					a, b := g.A+r*p.ARow+l*p.AStep[0]+m*p.AStep[1], l*p.BStep[0]+m*p.BStep[1]
					for n := range p.Loops[2] {
						x := p.A[a+n*p.AStep[2]]
						for j, y := range p.B[b+n*p.BStep[2]:][:k.Width] {
							c[j] = fma.Float32(x, y, c[j])
						}
					}
				}
			}
		}
	}
}
