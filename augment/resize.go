package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/pixel"
)

// Filter says how an image is resampled. Pixel i covers [i, i+1) (half-pixel
// centres). Output pixel i of n out of m has its centre at c = (i+1/2)·m/n and takes
// input pixel j with weight k((j+1/2-c)/a), scaled so that its weights sum to 1.
//
// With Antialias a is max(1, m/n), and pixels beyond the border count for nothing
// (as Pillow and torchvision); without, a is 1 and they repeat the border's (as
// TensorFlow and PyTorch).
type Filter struct {
	// Interpolation is "bilinear", k(x) = max(0, 1-|x|), or "bicubic", Keys' cubic
	// with a = -1/2, which may overshoot [0,1].
	Interpolation string `yaml:"interpolation"`
	Antialias     bool   `yaml:"antialias"`
}

func defaultFilter() Filter { return Filter{Interpolation: "bilinear", Antialias: true} }

func (f Filter) filter() Filter { return f }

// Validate implements Step for those that hold a Filter.
func (f Filter) Validate() error {
	if f.Interpolation != "bilinear" && f.Interpolation != "bicubic" {
		return fmt.Errorf("interpolation %q: have bicubic, bilinear", f.Interpolation)
	}
	return nil
}

// kernel returns k and the distance from which on it is 0.
func (f Filter) kernel() (k func(x float64) float64, radius float64) {
	if f.Interpolation == "bicubic" {
		return cubic, 2
	}
	return triangle, 1
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubic is Keys' kernel (1981) with a = -1/2.
func cubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// taps fills t for the n pixels from start on of a row of `to` pixels that is made of
// `from` pixels; the row runs backwards if mirrored.
func (f Filter) taps(t *pixel.Taps, from, to, start, n int, mirrored bool) {
	kernel, radius := f.kernel()
	step := float64(from) / float64(to)
	widen := 1.0
	if f.Antialias {
		widen = max(1, step)
	}
	reach := radius * widen
	t.Width, t.Count = from, min(int(math.Ceil(2*reach)), from)
	t.First = grow(t.First, n)
	t.Weight = grow(t.Weight, t.Count*n)
	clear(t.Weight)
	for i := range n {
		centre := (float64(start+i) + 0.5) * step
		x := i
		if mirrored {
			x = n - 1 - i
		}
		lowest := int(math.Floor(centre-reach-0.5)) + 1
		first := clamp(lowest, 0, from-t.Count)
		t.First[x] = int32(first)
		var sum float64
		for j := lowest; j < lowest+int(math.Ceil(2*reach)); j++ {
			if inside := j >= 0 && j < from; inside || !f.Antialias {
				w := kernel((float64(j) + 0.5 - centre) / widen)
				sum += w
				t.Weight[(clamp(j, 0, from-1)-first)*n+x] += float32(w)
			}
		}
		for k := x; k < len(t.Weight); k += n {
			t.Weight[k] = float32(float64(t.Weight[k]) / sum)
		}
	}
}

// Resize resamples one plane of sw by sh values to dw by dh. It allocates.
func Resize(dst []float32, dw, dh int, src []float32, sw, sh int, f Filter) error {
	if err := errors.Join(f.Validate(), checkPlane("dst", len(dst), dw, dh), checkPlane("src", len(src), sw, sh)); err != nil {
		return fmt.Errorf("resize: %w", err)
	}
	var across, down pixel.Taps
	f.taps(&across, sw, dw, 0, dw, false)
	f.taps(&down, sh, dh, 0, dh, false)
	mid := make([]float32, dw*sh)
	for y := range sh {
		row, out := src[y*sw:][:sw], mid[y*dw:][:dw]
		for x := range out {
			for k := range across.Count {
				out[x] += float32(across.Weight[k*dw+x] * row[int(across.First[x])+k])
			}
		}
	}
	w := make([]float32, down.Count)
	for y := range dh {
		first := rowWeights(w, &down, y, 1)
		pixel.Down(level, dst[y*dw:][:dw], mid[first*dw:], dw, w)
	}
	return nil
}

func checkPlane(name string, n, w, h int) error {
	if w < 1 || h < 1 || n != w*h {
		return fmt.Errorf("%s has %d values, want %d x %d, at least 1 x 1", name, n, w, h)
	}
	return nil
}

// rowWeights fills w with the weights of output row y, times unit, and returns the
// input row of the first one.
func rowWeights(w []float32, t *pixel.Taps, y int, unit float32) (first int) {
	n := len(t.First)
	for k := range w {
		w[k] = t.Weight[k*n+y] * unit
	}
	return int(t.First[y])
}

// grow returns a slice of n elements, s itself where it has room; what they hold is
// not defined.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
