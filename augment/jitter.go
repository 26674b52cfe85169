package augment

import (
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/pixel"
	"alike/internal/rng"
)

// Jitter changes brightness, contrast, saturation and hue, with probability P all of
// them, otherwise none, in an order drawn for each view. The view is clipped to [0,1]
// after each. A strength x draws its factor from [max(0, 1-x), 1+x], hue its shift
// from [-x, x]; 0 leaves that property alone.
//
//	property    torchvision                         tensorflow
//	brightness  b·x, or x+d with Additive           the same
//	contrast    c·x + (1-c)·mean(gray)              c·x + (1-c)·mean of the channel
//	saturation  t·x + (1-t)·gray                    S·t in HSV, S clipped
//	hue         H+d modulo 1 in HSV                 the same
//
// The forms of torchvision are the default; those of tensorflow with Additive are the
// first code of the authors (simclrv1), without it their later code.
type Jitter struct {
	P          float64 `yaml:"p"`
	Brightness float64 `yaml:"brightness"`
	Contrast   float64 `yaml:"contrast"`
	Saturation float64 `yaml:"saturation"`
	Hue        float64 `yaml:"hue"`      // turns, at most 0.5
	Form       string  `yaml:"form"`     // torchvision or tensorflow
	Additive   bool    `yaml:"additive"` // brightness adds d in [-Brightness, Brightness]
}

// defaultJitter has SimCLR's colour strength s: 1 on ImageNet, 1/2 on CIFAR-10.
func defaultJitter(s float64) *Jitter {
	return &Jitter{P: 0.8, Brightness: 0.8 * s, Contrast: 0.8 * s, Saturation: 0.8 * s, Hue: 0.2 * s, Form: "torchvision"}
}

func init() {
	Augmentations.Add("jitter", "brightness, contrast, saturation and hue in random order with probability 0.8",
		func() Step { return defaultJitter(1) })
}

// Validate implements Step.
func (j *Jitter) Validate() error {
	errs := []error{checkProbability(j.P)}
	strength := func(name string, x, most float64) {
		if !(x >= 0 && x <= most) {
			errs = append(errs, fmt.Errorf("%s %g: must be in [0, %g]", name, x, most))
		}
	}
	strength("brightness", j.Brightness, math.MaxFloat32)
	strength("contrast", j.Contrast, math.MaxFloat32)
	strength("saturation", j.Saturation, math.MaxFloat32)
	strength("hue", j.Hue, 0.5)
	if j.Form != "torchvision" && j.Form != "tensorflow" {
		errs = append(errs, fmt.Errorf("form %q: have tensorflow, torchvision", j.Form))
	}
	return errors.Join(errs...)
}

func (*Jitter) name() string { return "jitter" }

// numbers takes SimCLR's strength s, or the four.
func (j *Jitter) numbers(x []float64) error {
	if len(x) == 1 {
		d := defaultJitter(x[0])
		x = []float64{d.Brightness, d.Contrast, d.Saturation, d.Hue}
	}
	return set(x, "one, SimCLR's strength, or four: brightness, contrast, saturation and hue", &j.Brightness, &j.Contrast, &j.Saturation, &j.Hue)
}

func (j *Jitter) draw(_, _ int, s *rng.Stream) (d draw) {
	if d.happens = happens(s, j.P); d.happens {
		d.jitter = j.amounts(s)
	}
	return d
}

func (*Jitter) mirrors() bool { return true }

// property is what one operation of the jitter changes.
type property uint8

const (
	brightness property = iota
	contrast
	saturation
	hue
)

// jitterDraw is what is drawn for one view that is jittered.
type jitterDraw struct {
	order  [4]property
	amount [4]float64 // by property: a factor, or what is added to brightness or hue
}

// amounts draws the order, then the amounts in the order of the constants.
func (j *Jitter) amounts(s *rng.Stream) jitterDraw {
	d := jitterDraw{order: [4]property{brightness, contrast, saturation, hue}}
	for i := len(d.order) - 1; i > 0; i-- { // Fisher and Yates
		k := s.IntN(i + 1)
		d.order[i], d.order[k] = d.order[k], d.order[i]
	}
	factor := func(x float64) float64 { return uniform(s, max(0, 1-x), 1+x) }
	if j.Additive {
		d.amount[brightness] = uniform(s, -j.Brightness, j.Brightness)
	} else {
		d.amount[brightness] = factor(j.Brightness)
	}
	d.amount[contrast] = factor(j.Contrast)
	d.amount[saturation] = factor(j.Saturation)
	d.amount[hue] = uniform(s, -j.Hue, j.Hue)
	return d
}

// apply runs the operations over tiles that stay in the first-level cache, in two
// sweeps: contrast needs the mean of what the operations before it made.
func (j *Jitter) apply(p Planes, _ int, drawn *draw, _ *Scratch) {
	d := &drawn.jitter
	split := 0
	for d.order[split] != contrast {
		split++
	}
	var sum [3]float64
	for t := range p.tiles {
		j.sweep(t, d, d.order[:split])
		j.addSums(&sum, t)
	}
	for t := range p.tiles {
		towards(t, &sum, len(p[0]), d.amount[contrast])
		j.sweep(t, d, d.order[split+1:])
	}
}

// towards is x = clip(factor·x + (1-factor)·mean) with the mean of each channel given
// as its sum over n pixels.
func towards(t Planes, sum *[3]float64, n int, factor float64) {
	for i, x := range t {
		mean := sum[i] / float64(n)
		pixel.Scale(level, x, float32(factor), float32((1-factor)*mean))
	}
}

func (j *Jitter) sweep(t Planes, d *jitterDraw, order []property) {
	for _, o := range order {
		switch amount := d.amount[o]; {
		case o == brightness && j.Additive:
			BrightnessAdd(t, amount)
		case o == brightness:
			Brightness(t, amount)
		case o == saturation && j.Form == "tensorflow":
			SaturationHSV(t, amount)
		case o == saturation:
			Saturation(t, amount)
		case o == hue:
			HueShift(t, amount)
		}
	}
}

// addSums adds what contrast needs the mean of, for each channel.
func (j *Jitter) addSums(sum *[3]float64, t Planes) {
	if j.Form == "tensorflow" {
		for i, x := range t {
			sum[i] += float64(pixel.Sum(x))
		}
		return
	}
	s := float64(pixel.GraySum(level, t[0], t[1], t[2]))
	for i := range sum {
		sum[i] += s
	}
}

// tiles calls yield for consecutive parts of at most 1024 pixels: 12 KiB.
func (p Planes) tiles(yield func(Planes) bool) {
	const tile = 1024
	for i := 0; i < len(p[0]); i += tile {
		end := min(i+tile, len(p[0]))
		if !yield(Planes{p[0][i:end], p[1][i:end], p[2][i:end]}) {
			return
		}
	}
}

// Brightness is x = clip(factor·x).
func Brightness(p Planes, factor float64) {
	for _, x := range p {
		pixel.Scale(level, x, float32(factor), 0)
	}
}

// BrightnessAdd is x = clip(x + delta).
func BrightnessAdd(p Planes, delta float64) {
	for _, x := range p {
		pixel.Scale(level, x, 1, float32(delta))
	}
}

// Contrast is x = clip(factor·x + (1-factor)·m), m the mean of the gray values.
func Contrast(p Planes, factor float64) { (&Jitter{Form: "torchvision"}).contrast(p, factor) }

// ContrastPerChannel is x = clip(factor·x + (1-factor)·m), m the channel's mean.
func ContrastPerChannel(p Planes, factor float64) { (&Jitter{Form: "tensorflow"}).contrast(p, factor) }

func (j *Jitter) contrast(p Planes, factor float64) {
	var sum [3]float64
	for t := range p.tiles {
		j.addSums(&sum, t)
	}
	towards(p, &sum, len(p[0]), factor)
}

// Saturation is x = clip(factor·x + (1-factor)·gray).
func Saturation(p Planes, factor float64) {
	pixel.Saturate(level, p[0], p[1], p[2], float32(factor))
}

// SaturationHSV multiplies the saturation S of HSV by factor and clips S, and then the
// pixel, to [0,1]. With v the largest component and c v's distance to the smallest,
// S = c/v, and x = v - (v-x)·min(factor, 1/S) keeps hue and value.
func SaturationHSV(p Planes, factor float64) {
	f := float32(factor)
	for i, r := range p[0] {
		g, b := p[1][i], p[2][i]
		v := max(r, g, b)
		if c := v - min(r, g, b); c > 0 {
			k := min(f, v/c)
			p[0][i] = unit(v - float32(k*(v-r)))
			p[1][i] = unit(v - float32(k*(v-g)))
			p[2][i] = unit(v - float32(k*(v-b)))
		}
	}
}

// HueShift adds delta in (-1, 1) turns to the hue H of HSV, modulo 1, and clips.
func HueShift(p Planes, delta float64) {
	pixel.Hue(level, p[0], p[1], p[2], delta)
}

func unit(x float32) float32 { return max(0, min(1, x)) }
