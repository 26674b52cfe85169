// Package dot computes the dot products of one vector with rows that lie anywhere, as a walk
// through a graph needs them: four rows at a time, so that four streams come from memory.
package dot

import (
	"math"

	"alike/internal/kernel/cpu"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg dot

// Floats writes to dst[i] the dot product of the query [D] with row rows[i] of the bank [N, D].
// Different levels round differently.
func Floats(lv cpu.Level, dst, query, bank []float32, rows []uint32) {
	d := len(query)
	row := func(i int) []float32 { return bank[int(rows[i])*d:][:d] }
	var four [4]float32
	last := len(rows) - 1
	for i := 0; i < len(rows); i += 4 {
		a, b, c, e := row(i), row(min(i+1, last)), row(min(i+2, last)), row(min(i+3, last))
		done := floats4(lv, &four, query, a, b, c, e)
		if done < d {
			for j, r := range [4][]float32{a, b, c, e} {
				for k := done; k < d; k++ {
					four[j] += float32(query[k] * r[k])
				}
			}
		}
		copy(dst[i:len(rows)], four[:])
	}
}

// Ints is the same of integers, exactly. The sums must not overflow; see Widest.
func Ints(lv cpu.Level, dst []int32, query []int16, bank []int8, rows []uint32) {
	d := len(query)
	row := func(i int) []int8 { return bank[int(rows[i])*d:][:d] }
	var four [4]int32
	last := len(rows) - 1
	for i := 0; i < len(rows); i += 4 {
		if i+4 < len(rows) {
			fetch4(lv, row(i+4), row(min(i+5, last)), row(min(i+6, last)), row(min(i+7, last)))
		}
		a, b, c, e := row(i), row(min(i+1, last)), row(min(i+2, last)), row(min(i+3, last))
		done := ints4(lv, &four, query, a, b, c, e)
		if done < d {
			for j, r := range [4][]int8{a, b, c, e} {
				for k := done; k < d; k++ {
					four[j] += int32(query[k]) * int32(r[k])
				}
			}
		}
		copy(dst[i:len(rows)], four[:])
	}
}

// Widest is the largest absolute value of a query of d values whose products with rows of
// values up to 127 cannot overflow.
func Widest(d int) int { return min(math.MaxInt16, math.MaxInt32/(127*max(d, 1))) }

// floats4Generic is what floats4 does without vectors: nothing, so that the caller's loop does all.
func floats4Generic(dst *[4]float32) int {
	*dst = [4]float32{}
	return 0
}

func ints4Generic(dst *[4]int32) int {
	*dst = [4]int32{}
	return 0
}
