package augment

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"alike/internal/rng"

	"pgregory.net/rapid"
)

// anyConfig draws a valid configuration: a crop or a resize, then any steps in any
// order with any options. Only one jitters, as each multiplies what was rounded.
func anyConfig(t *rapid.T) Config {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	f := Filter{Interpolation: pick("interpolation", "bilinear", "bicubic"), Antialias: rapid.Bool().Draw(t, "antialias")}
	crop := defaultCrop()
	crop.Sampler, crop.Square, crop.Filter = pick("sampler", "torchvision", "tensorflow", "side"), rapid.Bool().Draw(t, "square"), f
	jitter := defaultJitter(rapid.SampledFrom([]float64{0.5, 1}).Draw(t, "strength"))
	jitter.Form, jitter.Additive = pick("form", "torchvision", "tensorflow"), rapid.Bool().Draw(t, "additive")

	c := Config{rapid.SampledFrom([]Step{crop, &Whole{f}}).Draw(t, "cut")}
	changes := []Step{jitter}
	for range rapid.IntRange(0, 5).Draw(t, "steps") {
		changes = append(changes, rapid.SampledFrom([]Step{
			&Flip{P: 0.5}, &Gray{P: 0.5}, &Blur{P: 0.5, Sigma: [2]float64{0.1, 2}}, &Sobel{P: 0.5},
			&Solarise{P: 0.5, Threshold: 0.5}, // elsewhere it is not continuous
			&Cutout{P: 0.5, Side: 0.5, Fill: 0.25}, &Noise{P: 0.5, Sigma: [2]float64{0, 0.2}},
			&Rotate{P: 0.5}, &Rotate{P: 0.5, Degrees: 180},
		}).Draw(t, "step"))
	}
	return append(c, rapid.Permutation(changes).Draw(t, "order")...)
}

// side draws lengths with the awkward ones among them.
func side(t *rapid.T, name string, most int) int {
	return rapid.OneOf(rapid.Just(1), rapid.IntRange(1, 4), rapid.IntRange(1, most)).Draw(t, name)
}

func mustNew(t interface{ Fatal(...any) }, c Config, size int) *Pipeline {
	p, err := New(c, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestViewAgreesWithItsTwin(t *testing.T) {
	var buf Scratch // shared by all, as a worker shares it
	rapid.Check(t, func(t *rapid.T) {
		w, h, size := side(t, "w", 70), side(t, "h", 70), side(t, "size", 50)
		if rapid.Bool().Draw(t, "whole vectors") {
			size = rapid.SampledFrom([]int{16, 32, 48}).Draw(t, "size")
		}
		p := mustNew(t, anyConfig(t), size)
		seed := rapid.Uint64().Draw(t, "seed")
		img, s := noise(seed, w, h), rng.New(rng.View, seed)

		p.draw(w, h, s, &buf)
		got := make([]float32, 3*size*size)
		p.apply(got, img, buf.draws, &buf)
		want := p.twin(img, buf.draws)
		for i, v := range got {
			x := want[i/3/size][i/3%size][i%3]
			// Values of 0..1 through up to a hundred roundings, amplified by factors
			// of at most 1.8 three times and by 3 for every step that Sobel has.
			tol := 1e-5
			for _, step := range p.rest {
				if _, ok := step.(*Sobel); ok {
					tol *= 3
				}
			}
			if !(v >= 0 && v <= 1 && math.Abs(float64(v)-x) <= tol) {
				t.Fatalf("%dx%d to %d, %+v: value %d is %g, want %g", w, h, size, buf.draws, i, v, x)
			}
		}
	})
}

func TestViewIsAFunctionOfTheStream(t *testing.T) {
	p := mustNew(t, SimCLR(224), 40)
	img := noise(1, 50, 30)
	view := func(buf *Scratch, key uint64) []float32 {
		dst := make([]float32, 3*40*40)
		p.View(dst, img, rng.New(rng.View, 1, 0, key, 0), buf)
		return dst
	}
	used := &Scratch{}
	mustNew(t, SimCLR(32), 64).View(make([]float32, 3*64*64), noise(2, 90, 80), rng.New(), used)
	for key := range uint64(20) {
		if !slices.Equal(view(&Scratch{}, key), view(used, key)) {
			t.Errorf("view %d depends on what the scratch was used for", key)
		}
		if slices.Equal(view(used, key), view(used, key+1)) {
			t.Errorf("views %d and %d are equal", key, key+1)
		}
	}
}

func TestViewDoesNotAllocate(t *testing.T) {
	for _, c := range []Config{SimCLR(32), SimCLR(224), ISIF(96), MetricLearning(96), everything(t)} {
		const size = 40
		p := mustNew(t, c, size)
		img, s, buf, dst := noise(1, size, size), rng.New(), &Scratch{}, make([]float32, 3*size*size)
		key := uint64(0)
		view := func() {
			s.Reset(rng.View, key%50)
			p.View(dst, img, s, buf)
			key++
		}
		for range 50 {
			view()
		}
		if n := testing.AllocsPerRun(50, view); n != 0 {
			t.Errorf("%d steps: %g allocations a view", len(c), n)
		}
	}
}

// A flip is done by the crop or on the view, but never otherwise than exactly.
func TestFlipMirrorsExactly(t *testing.T) {
	half := &Cutout{P: 1, Side: 0.5}
	for _, tc := range []struct {
		name   string
		before []Step
		folded bool
	}{
		{"right after the crop", nil, true},
		{"after steps that mirror", []Step{&Gray{P: 1}, &Solarise{P: 1, Threshold: 0.5}, &Sobel{P: 1}, &Blur{P: 1, Sigma: [2]float64{1, 1}}}, true},
		{"after a cutout", []Step{half}, false},
		{"after noise and a turn", []Step{&Noise{P: 1, Sigma: [2]float64{0.1, 0.1}}, &Rotate{P: 1, Degrees: 30}}, false},
	} {
		img, views := noise(3, 41, 37), [2][]float32{}
		for i := range views {
			p := mustNew(t, append(append(Config{defaultCrop()}, tc.before...), &Flip{P: float64(i)}), 24)
			if p.folded[len(tc.before)] != tc.folded {
				t.Errorf("%s: the crop mirrors is %t", tc.name, !tc.folded)
			}
			views[i] = make([]float32, 3*24*24)
			p.View(views[i], img, rng.New(rng.View, 5), &Scratch{})
		}
		for i := range 24 * 24 {
			y, x := i/24, i%24
			a, b := views[0][3*i:][:3], views[1][3*(24*y+23-x):][:3]
			if !slices.Equal(a, b) {
				t.Fatalf("%s: pixel (%d, %d): %v, mirrored %v", tc.name, x, y, a, b)
			}
		}
	}
}

// happened counts, over n views of a configuration, which steps took place.
func happened(t *testing.T, c Config, n int, also func(draws []draw)) []int {
	p, s, buf := mustNew(t, c, 224), rng.New(rng.View, 1), &Scratch{}
	count := make([]int, len(c))
	for range n {
		p.draw(300, 200, s, buf)
		for i, d := range buf.draws {
			if d.happens {
				count[i]++
			}
		}
		also(buf.draws)
	}
	return count
}

// asOften fails if k of n events of probability p are too many or too few.
func asOften(t *testing.T, what string, k, n int, p float64) {
	t.Helper()
	mean := p * float64(n)
	if d := math.Abs(float64(k) - mean); d > 4*math.Sqrt(mean*(1-p)) {
		t.Errorf("%s: %d of %d, want %g", what, k, n, mean)
	}
}

func TestEventsHappenAsOftenAsTheyShould(t *testing.T) {
	const n = 20000
	for _, c := range []Config{SimCLR(32), ISIF(32), MetricLearning(224), everything(t)} {
		for i, k := range happened(t, c, n, func([]draw) {}) {
			p := map[string]float64{"crop": 1, "flip": 0.5, "jitter": 0.8, "gray": 0.2, "blur": 0.5,
				"cutout": 1, "noise": 0.5, "rotate": 0.5, "sobel": 0.5, "solarise": 0.2}[c[i].name()]
			if b, ok := c[i].(*Blur); ok {
				p = b.P // not on CIFAR-10
			}
			if j, ok := c[i].(*Jitter); ok && j.P == 1 {
				p = 1 // ISIF
			}
			asOften(t, fmt.Sprintf("%s of %d steps", c[i].name(), len(c)), k, n, p)
		}
	}
}

func TestJitterAndGrayAreIndependent(t *testing.T) {
	const n = 20000
	grayOnly, orders, jittered := 0, map[[4]property]int{}, 0
	happened(t, SimCLR(224), n, func(d []draw) {
		if d[2].happens {
			orders[d[2].jitter.order]++
			jittered++
		} else if d[3].happens {
			grayOnly++
		}
	})
	asOften(t, "gray without jitter", grayOnly, n, 0.04)
	if len(orders) != 24 {
		t.Errorf("%d orders of the jitter, want 24", len(orders))
	}
	var chi2 float64
	want := float64(jittered) / 24
	for _, c := range orders {
		chi2 += (float64(c) - want) * (float64(c) - want) / want
	}
	if chi2 > 58 { // one in ten thousand at 23 degrees of freedom
		t.Errorf("orders of the jitter are not uniform: chi-square %.0f", chi2)
	}
}

func TestAmountsFillTheirRanges(t *testing.T) {
	for _, tc := range []struct {
		name      string
		of        func(j *Jitter)
		amount    property
		low, high float64
	}{
		{"brightness multiplies by up to 1.8", func(*Jitter) {}, brightness, 0.2, 1.8},
		{"brightness adds up to 0.8", func(j *Jitter) { j.Additive = true }, brightness, -0.8, 0.8},
		{"a factor is not negative", func(j *Jitter) { j.Brightness = 1.5 }, brightness, 0, 2.5},
		{"contrast", func(*Jitter) {}, contrast, 0.2, 1.8},
		{"saturation", func(*Jitter) {}, saturation, 0.2, 1.8},
		{"hue turns by up to 0.2", func(*Jitter) {}, hue, -0.2, 0.2},
		{"CIFAR-10 has half the strength", func(j *Jitter) { *j = *defaultJitter(0.5) }, saturation, 0.6, 1.4},
		{"CIFAR-10 has half the hue", func(j *Jitter) { *j = *defaultJitter(0.5) }, hue, -0.1, 0.1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := defaultJitter(1)
			tc.of(j)
			s := rng.New(rng.View, 2)
			const n = 4000
			var sum float64
			least, most := math.Inf(1), math.Inf(-1)
			for range n {
				a := j.amounts(s).amount[tc.amount]
				sum, least, most = sum+a, min(least, a), max(most, a)
			}
			width := tc.high - tc.low
			if least < tc.low || most > tc.high || least > tc.low+width/100 || most < tc.high-width/100 {
				t.Errorf("drew from [%g, %g], want [%g, %g]", least, most, tc.low, tc.high)
			}
			if z := (sum/n - (tc.low+tc.high)/2) / (width / math.Sqrt(12*n)); math.Abs(z) > 4 {
				t.Errorf("mean %g is %.1f standard deviations off", sum/n, z)
			}
		})
	}
}
