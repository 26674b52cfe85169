package augment

import (
	"math"
	"testing"

	"alike/internal/rng"

	"pgregory.net/rapid"
)

func withSampler(name string) *Crop {
	c := defaultCrop()
	c.Sampler = name
	return c
}

func TestCropLiesWithinTheImage(t *testing.T) {
	for _, sampler := range []string{"torchvision", "tensorflow", "side"} {
		rapid.Check(t, func(t *rapid.T) {
			w, h := side(t, "w", 2000), side(t, "h", 2000)
			c := withSampler(sampler)
			low := rapid.Float64Range(0.001, 1).Draw(t, "area")
			c.Area = [2]float64{low, rapid.Float64Range(low, 1).Draw(t, "to")}
			c.Square = rapid.Bool().Draw(t, "square")
			low = rapid.Float64Range(0.1, 5).Draw(t, "ratio")
			c.Ratio = [2]float64{low, rapid.Float64Range(low, 5).Draw(t, "to")}
			r := c.rect(w, h, rng.New(rapid.Uint64().Draw(t, "seed")))
			if r.W < 1 || r.H < 1 || r.X < 0 || r.Y < 0 || r.X+r.W > w || r.Y+r.H > h {
				t.Fatalf("%+v is not within %dx%d", r, w, h)
			}
		})
	}
}

// sample draws n crops of a square image of 1000 pixels and returns the means of
// area, log ratio, height and position (0 one end, 1 the other), and checks bounds.
func sample(t *testing.T, c *Crop, n int) (area, logRatio, height, position float64) {
	const side = 1000
	s := rng.New(rng.View, 3)
	for range n {
		r := c.rect(side, side, s)
		a, q := float64(r.W*r.H)/(side*side), float64(r.W)/float64(r.H)
		if a < 0.08-0.001 || a > 1 || q < 0.75-0.005 || q > 4.0/3+0.005 {
			t.Fatalf("%+v: area %g, ratio %g", r, a, q)
		}
		area += a / float64(n)
		logRatio += math.Log(q) / float64(n)
		height += float64(r.H) / side / float64(n)
		if r.W < side {
			position += float64(r.X) / float64(side-r.W) / float64(n)
		} else {
			position += 0.5 / float64(n)
		}
	}
	return
}

// midpoints averages f over the ratios' range.
func midpoints(low, high float64, f func(x float64) float64) float64 {
	const n = 10000
	var sum float64
	for i := range n {
		sum += f(low + (high-low)*(float64(i)+0.5)/n)
	}
	return sum / n
}

func within(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("mean %s %.4f, want %.4f ± %.4f", what, got, want, tol)
	}
}

// A draw of area a and log ratio ±u fits a square if a <= e^-u, so that among those
// that fit the mean area is ∫∫ a / ∫∫ 1 over 0.08 <= a <= e^-u, 0 <= u <= ln 4/3.
func TestTorchvisionCropIsUniformInArea(t *testing.T) {
	const n = 40000
	area, logRatio, _, position := sample(t, withSampler("torchvision"), n)
	top := math.Log(4.0 / 3)
	num := midpoints(0, top, func(u float64) float64 { return (math.Exp(-2*u) - 0.08*0.08) / 2 })
	den := midpoints(0, top, func(u float64) float64 { return math.Exp(-u) - 0.08 })
	within(t, "area", area, num/den, 4*0.27/math.Sqrt(n))
	within(t, "log ratio", logRatio, 0, 4*0.17/math.Sqrt(n))
	within(t, "position", position, 0.5, 4*0.29/math.Sqrt(n))
}

// Given the ratio r, the height is uniform from √(0.08/r) to what fits: 1, or 1/r
// where the width is the limit. (Of √(1/r), which the area allows, one is below.)
func TestTensorflowCropIsUniformInHeight(t *testing.T) {
	const n = 40000
	area, _, height, position := sample(t, withSampler("tensorflow"), n)
	bounds := func(r float64) (low, high float64) { return math.Sqrt(0.08 / r), min(1, 1/r) }
	within(t, "height", height, midpoints(0.75, 4.0/3, func(r float64) float64 {
		low, high := bounds(r)
		return (low + high) / 2
	}), 4*0.2/math.Sqrt(n))
	within(t, "area", area, midpoints(0.75, 4.0/3, func(r float64) float64 {
		low, high := bounds(r)
		return r * (low*low + low*high + high*high) / 3
	}), 4*0.26/math.Sqrt(n))
	within(t, "position", position, 0.5, 4*0.29/math.Sqrt(n))
}

func TestCropFallsBackToTheCentre(t *testing.T) {
	for _, tc := range []struct {
		name string
		w, h int
		want Rect
	}{
		{"a wide strip gives its middle, 4:3", 1000, 3, Rect{498, 0, 4, 3}},
		{"a tall strip gives its middle, 3:4", 3, 1000, Rect{0, 498, 3, 4}},
		{"a ratio in range gives the whole", 10, 9, Rect{0, 0, 10, 9}},
		{"one pixel stays one pixel", 1, 1, Rect{0, 0, 1, 1}},
	} {
		if got := central(tc.w, tc.h, [2]float64{0.75, 4.0 / 3}); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
	s := rng.New(rng.View, 4)
	if got := withSampler("torchvision").rect(1000, 3, s); got != (Rect{498, 0, 4, 3}) {
		t.Errorf("torchvision on a strip: %+v", got)
	}
	if got := withSampler("tensorflow").rect(1000, 3, s); got != (Rect{0, 0, 1000, 3}) {
		t.Errorf("tensorflow on a strip: %+v", got)
	}
}
