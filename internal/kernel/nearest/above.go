package nearest

import "alike/internal/kernel/cpu"

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg nearest

// above writes the places of the scores greater than floor to dst, in order, and
// returns how many there are. dst must have room for all. NaN is not greater.
func above(lv cpu.Level, dst []int32, scores []float32, floor float32) int {
	_ = dst[:len(scores)]
	n, done := aboveVector(lv, dst, scores, floor)
	return n + aboveGeneric(dst[n:], scores, done, floor)
}

// aboveGeneric looks at the scores from a place on.
func aboveGeneric(dst []int32, scores []float32, from int, floor float32) int {
	n := 0
	for i := from; i < len(scores); i++ {
		if scores[i] > floor {
			dst[n] = int32(i)
			n++
		}
	}
	return n
}
