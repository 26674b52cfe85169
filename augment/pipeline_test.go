package augment

import (
	"math"
	"slices"
	"testing"

	"alike/internal/rng"

	"pgregory.net/rapid"
)

// anyConfig draws a valid configuration with all options.
func anyConfig(t *rapid.T) Config {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	c := SimCLR(rapid.SampledFrom([]int{32, 224}).Draw(t, "recipe"))
	c.Crop.Sampler = pick("sampler", "torchvision", "tensorflow")
	c.Crop.Interpolation = pick("interpolation", "bilinear", "bicubic")
	c.Crop.Antialias = rapid.Bool().Draw(t, "antialias")
	c.Jitter.Form = pick("form", "torchvision", "tensorflow")
	c.Jitter.Additive = rapid.Bool().Draw(t, "additive")
	c.Blur.P = rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "blur")
	return c
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

		d := p.draw(w, h, s)
		got := make([]float32, 3*size*size)
		p.apply(got, img, &d, &buf)
		want := p.twin(img, &d)
		for i, v := range got {
			x := want[i/3/size][i/3%size][i%3]
			// Values of 0..1 through up to a hundred roundings, amplified by factors
			// of at most 1.8 three times.
			if !(v >= 0 && v <= 1 && math.Abs(float64(v)-x) <= 1e-5) {
				t.Fatalf("%dx%d to %d, %+v: value %d is %g, want %g", w, h, size, d, i, v, x)
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
	for _, size := range []int{32, 96} {
		p := mustNew(t, SimCLR(size), size)
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
			t.Errorf("size %d: %g allocations a view", size, n)
		}
	}
}

func TestFlipMirrorsExactly(t *testing.T) {
	c := Config{Crop: defaultCrop(), Jitter: defaultJitter(1), Blur: defaultBlur()}
	c.Jitter.P, c.Blur.P = 0, 0
	img := noise(3, 41, 37)
	views := [2][]float32{}
	for i := range views {
		c.Flip.P = float64(i)
		views[i] = make([]float32, 3*24*24)
		mustNew(t, c, 24).View(views[i], img, rng.New(rng.View, 5), &Scratch{})
	}
	for y := range 24 {
		for x := range 24 {
			a, b := views[0][3*(24*y+x):][:3], views[1][3*(24*y+23-x):][:3]
			if !slices.Equal(a, b) {
				t.Fatalf("pixel (%d, %d): %v, mirrored %v", x, y, a, b)
			}
		}
	}
}

func TestEventsHappenAsOftenAsTheyShould(t *testing.T) {
	const n = 20000
	p := mustNew(t, SimCLR(224), 224)
	s := rng.New(rng.View, 1)
	count := map[string]int{}
	orders := map[[4]property]int{}
	for range n {
		d := p.draw(300, 200, s)
		for name, happened := range map[string]bool{"flip": d.flip, "jitter": d.jittered, "gray": d.gray, "blur": d.blurred,
			"gray without jitter": d.gray && !d.jittered} {
			if happened {
				count[name]++
			}
		}
		if d.jittered {
			orders[d.jitter.order]++
		}
	}
	for name, p := range map[string]float64{"flip": 0.5, "jitter": 0.8, "gray": 0.2, "blur": 0.5, "gray without jitter": 0.04} {
		if z := (float64(count[name]) - p*n) / math.Sqrt(n*p*(1-p)); math.Abs(z) > 4 {
			t.Errorf("%s: %d of %d, want %g: %.1f standard deviations off", name, count[name], n, p, z)
		}
	}
	if len(orders) != 24 {
		t.Errorf("%d orders of the jitter, want 24", len(orders))
	}
	var chi2 float64
	want := float64(count["jitter"]) / 24
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
		of        func(c *Config)
		amount    property
		low, high float64
	}{
		{"brightness multiplies by up to 1.8", func(*Config) {}, brightness, 0.2, 1.8},
		{"brightness adds up to 0.8", func(c *Config) { c.Jitter.Additive = true }, brightness, -0.8, 0.8},
		{"a factor is not negative", func(c *Config) { c.Jitter.Brightness = 1.5 }, brightness, 0, 2.5},
		{"contrast", func(*Config) {}, contrast, 0.2, 1.8},
		{"saturation", func(*Config) {}, saturation, 0.2, 1.8},
		{"hue turns by up to 0.2", func(*Config) {}, hue, -0.2, 0.2},
		{"CIFAR-10 has half the strength", func(c *Config) { *c = SimCLR(32) }, saturation, 0.6, 1.4},
		{"CIFAR-10 has half the hue", func(c *Config) { *c = SimCLR(32) }, hue, -0.1, 0.1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := SimCLR(224)
			tc.of(&c)
			s := rng.New(rng.View, 2)
			const n = 4000
			var sum float64
			least, most := math.Inf(1), math.Inf(-1)
			for range n {
				a := c.Jitter.draw(s).amount[tc.amount]
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
