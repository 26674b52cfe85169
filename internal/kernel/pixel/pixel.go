// Package pixel is arithmetic on the pixels of small images: resampling, colour
// and smoothing, as the views of package augment need them.
//
// An image is three planes of float32 of equal length, red, green and blue, with
// values meant for [0,1]; "clip" is to that range. Functions change planes in place,
// allocate nothing, start no goroutines and keep no state.
//
// All variants (generic, AVX2, AVX-512) give the same bits: each step is one
// correctly rounded operation of IEEE 754, products and sums are never fused, and
// sums run in sixteen lanes whatever the vector length.
package pixel

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg pixel

import "alike/internal/kernel/cpu"

// Weights of red, green and blue in a gray value, as TensorFlow and torchvision
// (on tensors) have them. Their sum is 0.9999.
const (
	GrayRed   float32 = 0.2989
	GrayGreen float32 = 0.587
	GrayBlue  float32 = 0.114
)

// group is the number of pixels that a vector kernel takes at a time; what is left
// over is done by the portable loops.
const group = 16

// Taps says how a row of Width pixels is resampled to n: out[x] is the sum over
// k < Count of Weight[k*n+x] * in[First[x]+k]. No tap lies outside the row.
type Taps struct {
	Width  int
	Count  int
	First  []int32   // n
	Weight []float32 // Count * n
}

// Across resamples the row of interleaved 8-bit RGB pixels that pix begins with into
// one row of each plane. Values stay in 0..255. It is fast if pix does not end with
// the row and n is a multiple of 16.
func Across(lv cpu.Level, r, g, b []float32, pix []uint8, t *Taps) {
	n := len(r)
	g, b, _, _ = g[:n], b[:n], t.First[:n], t.Weight[:t.Count*n]
	done := across(lv, r, g, b, pix, t)
	acrossGeneric(r, g, b, pix, t, done)
}

// Down is a weighted sum of rows: dst[i] = Σ_k w[k] * src[k*pitch+i], w not empty.
func Down(lv cpu.Level, dst, src []float32, pitch int, w []float32) {
	n := len(dst)
	_ = src[(len(w)-1)*pitch:][:n]
	done := down(lv, dst, src, pitch, w)
	downGeneric(dst, src, pitch, w, done)
}

// Smooth is a symmetric filter over neighbours that lie stride elements apart:
// dst[i] = w[0]*src[c+i] + Σ_{k>0} w[k] * (src[c+i-k*stride] + src[c+i+k*stride]).
func Smooth(lv cpu.Level, dst, src []float32, c, stride int, w []float32) {
	reach := (len(w) - 1) * stride
	_ = src[c-reach : c+reach+len(dst)]
	done := smooth(lv, dst, src, c, stride, w)
	smoothGeneric(dst, src, c, stride, w, done)
}

// Scale is x = clip(a*x + b).
func Scale(lv cpu.Level, x []float32, a, b float32) {
	done := scale(lv, x, a, b)
	scaleGeneric(x[done:], a, b)
}

// GraySum returns the sum of the gray values of all pixels.
func GraySum(lv cpu.Level, r, g, b []float32) float32 {
	g, b = g[:len(r)], b[:len(r)]
	var lane [group]float32
	done := graySum(lv, &lane, r, g, b)
	graySumGeneric(&lane, r[done:], g[done:], b[done:])
	return fold(&lane)
}

// Sum returns the sum of x.
func Sum(x []float32) float32 {
	var lane [group]float32
	for i, v := range x {
		lane[i%group] += v
	}
	return fold(&lane)
}

// Gray sets each pixel to its gray value.
func Gray(lv cpu.Level, r, g, b []float32) {
	g, b = g[:len(r)], b[:len(r)]
	done := gray(lv, r, g, b)
	grayGeneric(r[done:], g[done:], b[done:])
}

// Saturate moves each pixel along the line through its gray value:
// x = clip(t*x + (1-t)*gray).
func Saturate(lv cpu.Level, r, g, b []float32, t float32) {
	g, b = g[:len(r)], b[:len(r)]
	done := saturate(lv, r, g, b, t)
	saturateGeneric(r[done:], g[done:], b[done:], t)
}

// Hue turns the hue of each pixel by delta in (-1, 1) turns, with its HSV saturation
// and value kept, and clips.
//
// With v and m the largest and the smallest component, c = v-m and h in sixths of a
// turn, a component is v - c*clamp(2 - |h+6*delta-p|, 0, 1), where the distance is
// taken around the circle of six and p is 3, 5 and 1 for red, green and blue: the
// usual conversions to HSV and back in one step. Here h and the distances are
// multiplied by c, so that nothing is divided and a gray pixel needs no care.
func Hue(lv cpu.Level, r, g, b []float32, delta float64) {
	g, b = g[:len(r)], b[:len(r)]
	shift := hueShifts(delta)
	done := hue(lv, r, g, b, &shift)
	hueGeneric(r[done:], g[done:], b[done:], &shift)
}

// Interleave writes the clipped pixels of the planes to dst as r, g, b, r, g, b, ...
func Interleave(lv cpu.Level, dst, r, g, b []float32) {
	g, b, dst = g[:len(r)], b[:len(r)], dst[:3*len(r)]
	done := interleave(lv, dst, r, g, b)
	interleaveGeneric(dst[3*done:], r[done:], g[done:], b[done:])
}
