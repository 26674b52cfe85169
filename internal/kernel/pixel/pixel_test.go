package pixel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
)

// lengths cover no group, whole groups and every remainder.
var lengths = []int{0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 48, 100, 1024}

// guard stands before and after each output; writing there is a fault.
const guard = -77

// operands returns a copy of each plane, cut out of memory with guards around it, and
// a check of the guards.
func operands(t *testing.T, planes ...[]float32) (out [][]float32, intact func()) {
	var all [][]float32
	for _, p := range planes {
		m := make([]float32, len(p)+2*group)
		for i := range m {
			m[i] = guard
		}
		out = append(out, m[group:][:copy(m[group:], p)])
		all = append(all, m)
	}
	return out, func() {
		t.Helper()
		for _, m := range all {
			for i, v := range m {
				if (i < group || i >= len(m)-group) && v != guard {
					t.Fatalf("wrote %g at %d of %d", v, i-group, len(m)-2*group)
				}
			}
		}
	}
}

// colours are random, with grays, ties, extremes and values outside [0,1].
func colours(r *rand.Rand, n int) (planes [3][]float32) {
	for c := range planes {
		planes[c] = make([]float32, n)
		for i := range planes[c] {
			switch i % 5 {
			case 0:
				planes[c][i] = float32(r.IntN(3)) / 2
			case 1:
				planes[c][i] = 1.5*r.Float32() - 0.25
			default:
				planes[c][i] = r.Float32()
			}
		}
	}
	for i := 3; i < n; i += 7 {
		planes[1][i], planes[2][i] = planes[0][i], planes[0][i]
	}
	return planes
}

func grayTwin(p [3]float64) float64 { return 0.2989*p[0] + 0.587*p[1] + 0.114*p[2] }

func clipTwin(x float64) float64 { return max(0, min(1, x)) }

// hueTwin goes to HSV and back by the textbook's cases.
func hueTwin(p [3]float64, delta float64) (out [3]float64) {
	v, m := max(p[0], p[1], p[2]), min(p[0], p[1], p[2])
	c := v - m
	if c == 0 {
		return p
	}
	var h float64
	switch v {
	case p[0]:
		h = (p[1] - p[2]) / c
	case p[1]:
		h = (p[2]-p[0])/c + 2
	default:
		h = (p[0]-p[1])/c + 4
	}
	h = math.Mod(h+6*delta+12, 6)
	sector := math.Floor(h)
	f, s := h-sector, c/v
	q, u, w := v*(1-s), v*(1-s*f), v*(1-s*(1-f))
	switch int(sector) {
	case 0:
		return [3]float64{v, w, q}
	case 1:
		return [3]float64{u, v, q}
	case 2:
		return [3]float64{q, v, w}
	case 3:
		return [3]float64{q, u, v}
	case 4:
		return [3]float64{w, q, v}
	}
	return [3]float64{v, q, u}
}

// perPixel are the operations on pixels with their twins in float64.
var perPixel = map[string]struct {
	run  func(lv cpu.Level, p [3][]float32, a float64)
	twin func(p [3]float64, a float64) [3]float64
}{
	"scale": {
		func(lv cpu.Level, p [3][]float32, a float64) {
			for _, x := range p {
				Scale(lv, x, float32(1+a), float32(a/2))
			}
		},
		func(p [3]float64, a float64) [3]float64 {
			for c := range p {
				p[c] = clipTwin((1+a)*p[c] + a/2)
			}
			return p
		},
	},
	"gray": {
		func(lv cpu.Level, p [3][]float32, _ float64) { Gray(lv, p[0], p[1], p[2]) },
		func(p [3]float64, _ float64) [3]float64 {
			y := grayTwin(p)
			return [3]float64{y, y, y}
		},
	},
	"saturate": {
		func(lv cpu.Level, p [3][]float32, a float64) { Saturate(lv, p[0], p[1], p[2], float32(1+a)) },
		func(p [3]float64, a float64) [3]float64 {
			y := grayTwin(p)
			for c := range p {
				p[c] = clipTwin((1+a)*p[c] - a*y)
			}
			return p
		},
	},
	"hue": {
		func(lv cpu.Level, p [3][]float32, a float64) { Hue(lv, p[0], p[1], p[2], a) },
		func(p [3]float64, a float64) [3]float64 {
			p = hueTwin(p, a)
			for c := range p {
				p[c] = clipTwin(p[c])
			}
			return p
		},
	},
}

func TestPixelsAgreeWithTheirTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, op := range perPixel {
		for _, n := range lengths {
			in, a := colours(r, n), 1.6*r.Float64()-0.8
			got, intact := operands(t, in[0], in[1], in[2])
			op.run(cpu.Generic, [3][]float32(got), a)
			intact()
			for i := range n {
				want := op.twin([3]float64{float64(in[0][i]), float64(in[1][i]), float64(in[2][i])}, a)
				for c := range want {
					// About ten roundings of values up to 8.
					if d := math.Abs(float64(got[c][i]) - want[c]); !(d <= 4e-6) {
						t.Fatalf("%s(%g) of %g %g %g: component %d is %g, want %g", name, a, in[0][i], in[1][i], in[2][i], c, got[c][i], want[c])
					}
				}
			}
		}
	}
}

// same fails unless two variants gave the same bits.
func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %x, generic %x", what, i, got[i], want[i])
		}
	}
}

func TestVariantsGiveTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, lv := range cpu.Levels() {
		for _, n := range lengths {
			in, a := colours(r, n), 1.6*r.Float64()-0.8
			for name, op := range perPixel {
				want, _ := operands(t, in[0], in[1], in[2])
				op.run(cpu.Generic, [3][]float32(want), a)
				got, intact := operands(t, in[0], in[1], in[2])
				op.run(lv, [3][]float32(got), a)
				intact()
				for c := range got {
					same(t, fmt.Sprintf("%s/%s/n=%d", name, lv, n), got[c], want[c])
				}
			}
			same(t, "graysum/"+lv.String(), []float32{GraySum(lv, in[0], in[1], in[2])}, []float32{GraySum(cpu.Generic, in[0], in[1], in[2])})

			want, _ := operands(t, make([]float32, 3*n))
			Interleave(cpu.Generic, want[0], in[0], in[1], in[2])
			got, intact := operands(t, make([]float32, 3*n))
			Interleave(lv, got[0], in[0], in[1], in[2])
			intact()
			same(t, "interleave/"+lv.String(), got[0], want[0])
		}
	}
}

func TestSums(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range lengths {
		p := colours(r, n)
		var sum, gray, size float64
		for i := range n {
			sum += float64(p[0][i])
			size += math.Abs(float64(p[0][i])) + 1
			gray += grayTwin([3]float64{float64(p[0][i]), float64(p[1][i]), float64(p[2][i])})
		}
		tol := 0x1p-24 * size * float64(n/group+8)
		if got := float64(Sum(p[0])); !(math.Abs(got-sum) <= tol) {
			t.Errorf("n=%d: sum %g, want %g", n, got, sum)
		}
		if got := float64(GraySum(cpu.Generic, p[0], p[1], p[2])); !(math.Abs(got-gray) <= tol) {
			t.Errorf("n=%d: gray sum %g, want %g", n, got, gray)
		}
	}
}

// eachLevel runs f for the portable loops first, then for every variant.
func eachLevel(t *testing.T, f func(lv cpu.Level) []float32) {
	t.Helper()
	want := f(cpu.Generic)
	for _, lv := range cpu.Levels() {
		same(t, lv.String(), f(lv), want)
	}
}

func TestAcross(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range lengths[1:] {
		for _, width := range []int{1, 2, 3, 16, 33, 50} {
			taps := 1 + r.IntN(min(width, 5))
			tap := &Taps{Width: width, Count: taps, First: make([]int32, n), Weight: make([]float32, taps*n)}
			for x := range tap.First {
				tap.First[x] = int32(r.IntN(width - taps + 1))
			}
			for i := range tap.Weight {
				tap.Weight[i] = r.Float32() - 0.2
			}
			pix := make([]uint8, 3*width, 3*width+1) // the vector kernels need one more
			for i := range pix {
				pix[i] = uint8(r.UintN(256))
			}
			for _, pix := range [][]uint8{pix, pix[:cap(pix)]} {
				eachLevel(t, func(lv cpu.Level) []float32 {
					zero := make([]float32, n)
					out, intact := operands(t, zero, zero, zero)
					Across(lv, out[0], out[1], out[2], pix, tap)
					intact()
					return append(append(out[0][:n:n], out[1]...), out[2]...)
				})
			}
			out := make([]float32, 3*n)
			Across(cpu.Generic, out[:n], out[n:2*n], out[2*n:], pix, tap)
			for c := range 3 {
				for x := range n {
					var want float64
					for k := range taps {
						want += float64(tap.Weight[k*n+x]) * float64(pix[3*(int(tap.First[x])+k)+c])
					}
					if got := out[c*n+x]; !(math.Abs(float64(got)-want) <= 255*0x1p-22*float64(taps)) {
						t.Fatalf("n=%d width=%d: component %d of %d is %g, want %g", n, width, c, x, got, want)
					}
				}
			}
		}
	}
}

func TestDownAndSmooth(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range lengths {
		for taps := 1; taps <= 6; taps++ {
			w := make([]float32, taps)
			for k := range w {
				w[k] = r.Float32()
			}
			pitch, reach := n+3, (taps-1)*(n+3)
			src := make([]float32, 2*reach+n)
			for i := range src {
				src[i] = r.Float32()
			}
			tol := 0x1p-22 * float64(taps)
			check := func(name string, f func(lv cpu.Level, dst []float32), twin func(i int) float64) {
				var out []float32
				eachLevel(t, func(lv cpu.Level) []float32 {
					dst, intact := operands(t, make([]float32, n))
					f(lv, dst[0])
					intact()
					out = dst[0]
					return out
				})
				for i, got := range out {
					if want := twin(i); !(math.Abs(float64(got)-want) <= 2*tol) {
						t.Fatalf("%s: n=%d taps=%d: element %d is %g, want %g", name, n, taps, i, got, want)
					}
				}
			}
			check("down", func(lv cpu.Level, dst []float32) { Down(lv, dst, src, pitch, w) }, func(i int) (sum float64) {
				for k := range w {
					sum += float64(w[k]) * float64(src[k*pitch+i])
				}
				return sum
			})
			for _, stride := range []int{1, pitch} {
				check("smooth", func(lv cpu.Level, dst []float32) { Smooth(lv, dst, src, reach, stride, w) }, func(i int) float64 {
					sum := float64(w[0]) * float64(src[reach+i])
					for k := 1; k < taps; k++ {
						sum += float64(w[k]) * (float64(src[reach+i-k*stride]) + float64(src[reach+i+k*stride]))
					}
					return sum
				})
			}
		}
	}
}
