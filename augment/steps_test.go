package augment

import (
	"fmt"
	"math"
	"testing"

	"alike/internal/rng"
)

// alone checks one step against its twin on noise, with what it drew.
func alone(t *testing.T, step change, size int, d draw) {
	t.Helper()
	img := noise(uint64(size), size, size)
	in := cut(img, Rect{0, 0, size, size})
	var view Planes
	for c := range view {
		for i := range size * size {
			view[c] = append(view[c], float32(in[i/size][i%size][c]))
			in[i/size][i%size][c] = float64(view[c][i]) // no rounding apart: solarise is not continuous
		}
	}
	step.apply(view, size, &d, &Scratch{})
	want := changeTwin(step, in, d)
	for i := range size * size {
		for c := range view {
			if got, want := float64(view[c][i]), want[i/size][i%size][c]; !(math.Abs(got-want) <= 1e-6) {
				t.Fatalf("%s %+v of %d pixels: value %d of channel %d is %g, want %g", step.name(), d, size, i, c, got, want)
			}
		}
	}
}

func TestStepsAgreeWithTheirTwins(t *testing.T) {
	for _, size := range []int{1, 2, 3, 16, 31} {
		for _, threshold := range []float64{0, 0.25, 0.5, 0.8, 1} {
			alone(t, &Solarise{Threshold: threshold}, size, draw{})
		}
		alone(t, &Sobel{}, size, draw{})
		for quarters := 1.0; quarters <= 3; quarters++ {
			alone(t, &Rotate{}, size, draw{amount: quarters})
		}
		for _, degrees := range []float64{-180, -90, -33, 0, 1e-3, 45, 90, 137} {
			alone(t, &Rotate{Degrees: 180}, size, draw{amount: degrees})
		}
		alone(t, &Noise{}, size, draw{amount: 0.1, seed: 7})
		c := &Cutout{P: 1, Side: 0.5, Fill: 0.3}
		alone(t, c, size, c.draw(size, size, rng.New(rng.View, 1)))
	}
}

func TestSobelOfAnEdgeIsOne(t *testing.T) {
	view := Planes{}
	for c := range view {
		view[c] = []float32{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}
	}
	(&Sobel{}).apply(view, 4, nil, &Scratch{})
	for i, v := range view[0] {
		if want := []float32{0, 1, 1, 0}[i%4]; v != want {
			t.Errorf("value %d is %g, want %g", i, v, want)
		}
	}
}

// A quarter of a turn is the same by the exact copy and by the interpolation.
func TestRotateTurnsCounterClockwise(t *testing.T) {
	src := []float32{
		1, 2, 3,
		4, 5, 6,
		7, 8, 9,
	}
	want := []float32{
		3, 6, 9,
		2, 5, 8,
		1, 4, 7,
	}
	quarter, turned := make([]float32, 9), make([]float32, 9)
	turnQuarters(quarter, src, 3, 1)
	turn(turned, src, 3, 90)
	for i := range want {
		if quarter[i] != want[i] || math.Abs(float64(turned[i]-want[i])) > 1e-5 {
			t.Errorf("value %d: %g and %g, want %g", i, quarter[i], turned[i], want[i])
		}
	}
}

func TestRotateDrawsEveryAngleAsOften(t *testing.T) {
	const n = 12000
	s, quarters := rng.New(rng.View, 1), map[float64]int{}
	for range n {
		quarters[(&Rotate{P: 1}).draw(32, 32, s).amount]++
	}
	if len(quarters) != 3 {
		t.Errorf("quarters %v, want 1, 2 and 3", quarters)
	}
	for q := 1.0; q <= 3; q++ {
		asOften(t, fmt.Sprintf("%g quarters", q), quarters[q], n, 1.0/3)
	}
	tenths := [10]int{}
	for range n {
		d := (&Rotate{P: 1, Degrees: 30}).draw(32, 32, s).amount
		tenths[int((d+30)/6)]++ // panics beyond 30 degrees
	}
	for i, k := range tenths {
		asOften(t, fmt.Sprintf("tenth %d of the angles", i), k, n, 0.1)
	}
}

// The middle of a cutout is each pixel as often: pixels near the border, to which fewer
// middles are near, are hidden less often.
func TestCutoutHidesPixelsAsOftenAsItShould(t *testing.T) {
	const n, size, side = 20000, 8, 4
	s, c := rng.New(rng.View, 2), &Cutout{P: 1, Side: 0.5}
	hidden := [size][size]int{}
	for range n {
		r := c.draw(size, size, s).rect
		if r.X < 0 || r.Y < 0 || r.W < 1 || r.H < 1 || r.X+r.W > size || r.Y+r.H > size {
			t.Fatalf("%+v is not within the view", r)
		}
		for y := r.Y; y < r.Y+r.H; y++ {
			for x := r.X; x < r.X+r.W; x++ {
				hidden[y][x]++
			}
		}
	}
	middles := func(x int) (k int) { // that hide x: m-2 <= x < m+2
		for m := range size {
			if m-side/2 <= x && x < m+side/2 {
				k++
			}
		}
		return k
	}
	for y := range size {
		for x := range size {
			asOften(t, fmt.Sprintf("pixel (%d, %d)", x, y), hidden[y][x], n, float64(middles(x)*middles(y))/(size*size))
		}
	}
}

func TestNoiseHasItsDeviation(t *testing.T) {
	const size = 100
	for _, sigma := range []float64{0, 0.01, 0.1} {
		o := &Noise{P: 1, Sigma: [2]float64{sigma, sigma}}
		var view Planes
		for c := range view {
			view[c] = make([]float32, size*size)
			for i := range view[c] {
				view[c][i] = 0.5
			}
		}
		d := o.draw(size, size, rng.New(rng.View, 3))
		o.apply(view, size, &d, &Scratch{})
		var sum, squares, across float64
		for c, plane := range view {
			for i, x := range plane {
				e := float64(x) - 0.5
				sum, squares = sum+e, squares+e*e
				across += e * (float64(view[(c+1)%3][i]) - 0.5)
			}
		}
		const n = 3 * size * size
		within(t, "noise", sum/n, 0, 4*sigma/math.Sqrt(n)+1e-9)
		within(t, "square", squares/n, sigma*sigma, 4*sigma*sigma*math.Sqrt(2.0/n)+1e-9)
		within(t, "product of two channels", across/n, 0, 4*sigma*sigma*math.Sqrt(2.0/n)+1e-9)
	}
	s, o := rng.New(rng.View, 4), &Noise{P: 1, Sigma: [2]float64{0.1, 0.3}}
	var mean float64
	const n = 4000
	for range n {
		mean += o.draw(32, 32, s).amount / n
	}
	within(t, "deviation", mean, 0.2, 4*0.2/math.Sqrt(12*n))
}

func TestSolariseOfWhatIsBright(t *testing.T) {
	view := Planes{{0, 0.4, 0.5, 0.9}, {1, 1, 1, 1}, {0.1, 0.2, 0.3, 0.4}}
	(&Solarise{Threshold: 0.5}).apply(view, 2, nil, nil)
	want := Planes{{0, 0.4, 0.5, 0.1}, {0, 0, 0, 0}, {0.1, 0.2, 0.3, 0.4}}
	for c := range want {
		for i, v := range view[c] {
			if math.Abs(float64(v-want[c][i])) > 1e-7 {
				t.Errorf("channel %d value %d is %g, want %g", c, i, v, want[c][i])
			}
		}
	}
}

// Of a draw of side l and log ratio ±u in a square l <= e^(-u/2) fits, so that the mean
// side is ∫∫ l / ∫∫ 1 over 1/2 <= l <= e^(-u/2), 0 <= u <= ln 4/3.
func TestSideCropIsUniformInTheSide(t *testing.T) {
	const n = 40000
	crop := of[*Crop](MetricLearning(224))
	s := rng.New(rng.View, 5)
	var mean float64
	for range n {
		r := crop.rect(1000, 1000, s)
		mean += math.Sqrt(float64(r.W*r.H)) / 1000 / n
	}
	top := math.Log(4.0 / 3)
	num := midpoints(0, top, func(u float64) float64 { return (math.Exp(-u) - 0.25) / 2 })
	den := midpoints(0, top, func(u float64) float64 { return math.Exp(-u/2) - 0.5 })
	within(t, "side", mean, num/den, 4*0.15/math.Sqrt(n))
}

// Of an image twice as wide as high, taken as a square, a crop has the shape that it
// would have of the square, stretched: the same shares of either side.
func TestSquareCropStretches(t *testing.T) {
	crop := of[*Crop](MetricLearning(224))
	for seed := range uint64(200) {
		square := crop.rect(1000, 1000, rng.New(rng.View, seed))
		wide := crop.rect(1000, 500, rng.New(rng.View, seed))
		if wide.X != square.X || wide.W != square.W || 2*wide.Y < square.Y-1 || 2*wide.Y > square.Y+1 || 2*wide.H < square.H-2 || 2*wide.H > square.H+2 {
			t.Fatalf("%+v of the square, %+v of the wide image", square, wide)
		}
	}
	fixed, err := Parse("crop(0.7863, 0.7863, ratio=[1, 1], square=true)")
	if err != nil {
		t.Fatal(err)
	}
	if r := of[*Crop](fixed).rect(256, 256, rng.New(rng.View, 6)); r.W != 227 || r.H != 227 {
		t.Errorf("%+v, want the 227 of 256 pixels of a plain random crop", r)
	}
}
