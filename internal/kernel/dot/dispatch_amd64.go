//go:build !purego

package dot

import "alike/internal/kernel/cpu"

// floats4 sums the products of the first values, as many as it returns.
func floats4(lv cpu.Level, dst *[4]float32, query, a, b, c, d []float32) (done int) {
	switch {
	case lv >= cpu.AVX512 && len(query) >= 16:
		done = len(query) &^ 15
		floats4AVX512(dst, &query[0], &a[0], &b[0], &c[0], &d[0], done)
	case lv >= cpu.AVX2 && len(query) >= 8:
		done = len(query) &^ 7
		floats4AVX2(dst, &query[0], &a[0], &b[0], &c[0], &d[0], done)
	default:
		done = floats4Generic(dst)
	}
	return done
}

// ints4 is the same of integers.
func ints4(lv cpu.Level, dst *[4]int32, query []int16, a, b, c, d []int8) (done int) {
	switch {
	case lv >= cpu.AVX512 && len(query) >= 32:
		done = len(query) &^ 31
		ints4AVX512(dst, &query[0], &a[0], &b[0], &c[0], &d[0], done)
	case lv >= cpu.AVX2 && len(query) >= 16:
		done = len(query) &^ 15
		ints4AVX2(dst, &query[0], &a[0], &b[0], &c[0], &d[0], done)
	default:
		done = ints4Generic(dst)
	}
	return done
}

// fetch4 asks for rows that are used soon.
func fetch4(lv cpu.Level, a, b, c, d []int8) {
	if lv > cpu.Generic && len(a) > 0 {
		prefetch4(&a[0], &b[0], &c[0], &d[0], len(a))
	}
}
