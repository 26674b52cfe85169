//go:build !purego

package cpu

func multiplyAdd(lv Level, rounds int) {
	switch lv {
	case AVX512:
		fmaAVX512(rounds)
	case AVX2:
		fmaAVX2(rounds)
	default:
		_ = generic(rounds)
	}
}
