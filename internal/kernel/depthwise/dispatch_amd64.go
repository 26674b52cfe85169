//go:build !purego

package depthwise

import "alike/internal/kernel/cpu"

// pixel sums the taps of the first channels, as many as it returns.
func pixel(lv cpu.Level, to, image, w []float32, taps []tap) (done int) {
	switch {
	case len(taps) == 0:
	case lv >= cpu.AVX512 && len(to) >= 16:
		done = len(to) &^ 15
		pixelAVX512(&to[0], &image[0], &w[0], &taps[0].x, len(taps), done)
	case lv >= cpu.AVX2 && len(to) >= 8:
		done = len(to) &^ 7
		pixelAVX2(&to[0], &image[0], &w[0], &taps[0].x, len(taps), done)
	}
	return done
}
