//go:build !purego

package tile

import "alike/internal/kernel/cpu"

// vector computes whole tiles by a vector kernel, if there is one.
func (k Kernel) vector(p *Product, groups []Group) bool {
	const float = 4 // bytes
	var (
		at, tiles  = &groups[0].A, len(groups) / k.Groups
		aRow, cRow = float * p.ARow, float * p.CRow
		loop       = p.Loops
		a, b       = steps(loop, p.AStep), steps(loop, p.BStep)
	)
	switch {
	case k.level == cpu.AVX512 && k.Width == 32:
		kernel12x32AVX512(at, tiles, &p.A[0], aRow, a[0], a[1], a[2], &p.B[0], b[0], b[1], b[2], &p.C[0], cRow, p.Add, loop[0], loop[1], loop[2])
	case k.level == cpu.AVX512:
		kernel24x16AVX512(at, tiles, &p.A[0], aRow, a[0], a[1], a[2], &p.B[0], b[0], b[1], b[2], &p.C[0], cRow, p.Add, loop[0], loop[1], loop[2])
	case k.level == cpu.AVX2:
		kernel6x16AVX2(at, tiles, &p.A[0], aRow, a[0], a[1], a[2], &p.B[0], b[0], b[1], b[2], &p.C[0], cRow, p.Add, loop[0], loop[1], loop[2])
	default:
		return false
	}
	return true
}

// steps turns the strides of loops into what to add to a pointer, in bytes,
// after each round of the inner loop, after the inner and after the middle loop.
func steps(loop, stride [3]int) [3]int {
	return [3]int{4 * stride[2], 4 * (stride[1] - loop[2]*stride[2]), 4 * (stride[0] - loop[1]*stride[1])}
}
