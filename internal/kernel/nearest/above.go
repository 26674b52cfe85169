package nearest

import "alike/internal/kernel/cpu"

// above writes the places of the scores greater than floor to dst, in order, and
// returns their number. dst must have room for all of them. NaN is not greater.
func above(lv cpu.Level, dst []int32, scores []float32, floor float32) int {
	_ = dst[:len(scores)]
	return aboveGeneric(dst, scores, floor)
}

func aboveGeneric(dst []int32, scores []float32, floor float32) int {
	n := 0
	for i, s := range scores {
		if s > floor {
			dst[n] = int32(i)
			n++
		}
	}
	return n
}
