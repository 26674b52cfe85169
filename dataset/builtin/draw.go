package builtin

import (
	"math"

	"alike/dataset"
	"alike/internal/rng"
)

// side is that of a sprite, in pixels.
const side = 32

type rgb [3]float64

// scene is everything about a sprite but its class. Nothing in it depends on
// the class, so colour, place, size and texture say nothing of it.
type scene struct {
	x, y, size, angle float64
	front, back       paint
	light, lightAngle float64
	clutter           []blob
	noise             float64
}

// paint is a colour that changes into another along waves or a gradient.
type paint struct {
	a, b         rgb
	angle, waves float64
	phase        float64
}

// blob is a small distracting disc or bar of the background.
type blob struct {
	x, y, r, angle float64
	bar            bool
	colour         rgb
}

func uniform(s *rng.Stream, from, to float64) float64 { return from + float64((to-from)*s.Float64()) }

func colour(s *rng.Stream) rgb { return rgb{s.Float64(), s.Float64(), s.Float64()} }

// contrast is how far two colours are apart.
func contrast(a, b rgb) float64 {
	return float64(0.3*math.Abs(a[0]-b[0])) + float64(0.59*math.Abs(a[1]-b[1])) + float64(0.11*math.Abs(a[2]-b[2]))
}

// newPaint draws a paint whose two colours are near each other.
func newPaint(s *rng.Stream, base rgb) paint {
	p := paint{a: base, b: base, angle: uniform(s, 0, 2*math.Pi), phase: uniform(s, 0, 2*math.Pi)}
	for c := range p.b {
		p.b[c] = clamp(base[c] + uniform(s, -0.1, 0.1))
	}
	if s.Float64() < 0.3 {
		p.waves = uniform(s, 2, 7)
	}
	return p
}

func newScene(s *rng.Stream) *scene {
	sc := &scene{
		x: uniform(s, -0.38, 0.38), y: uniform(s, -0.38, 0.38),
		size: uniform(s, 0.42, 0.65), angle: uniform(s, -0.5, 0.5),
		light: uniform(s, 0, 0.2), lightAngle: uniform(s, 0, 2*math.Pi),
		noise: uniform(s, 0.01, 0.03),
	}
	front, back := colour(s), colour(s)
	for contrast(front, back) < 0.35 {
		front, back = colour(s), colour(s)
	}
	sc.front, sc.back = newPaint(s, front), newPaint(s, back)
	for range s.IntN(3) {
		b := blob{x: uniform(s, -1, 1), y: uniform(s, -1, 1), r: uniform(s, 0.04, 0.1), angle: uniform(s, 0, math.Pi), bar: s.IntN(2) == 0, colour: colour(s)}
		sc.clutter = append(sc.clutter, b)
	}
	return sc
}

// draw draws image i of a split.
func draw(class int, seed, split uint64, i int) dataset.Image {
	s := rng.New(rng.Sprite, seed, split, uint64(i))
	sc := newScene(s)
	img := dataset.Image{Width: side, Height: side, Pix: make([]uint8, 3*side*side)}
	for py := range side {
		for px := range side {
			x, y := (float64(px)+0.5)/side*2-1, (float64(py)+0.5)/side*2-1
			c := sc.at(class, x, y)
			for k := range c {
				v := c[k] + float64(sc.noise*s.NormFloat64())
				img.Pix[3*(py*side+px)+k] = uint8(math.Round(255 * clamp(v)))
			}
		}
	}
	return img
}

// at is the colour of a point: background, clutter, sprite, then light.
func (sc *scene) at(class int, x, y float64) rgb {
	const pixel = 2.0 / side
	c := sc.back.at(x, y)
	for _, b := range sc.clutter {
		sin, cos := math.Sincos(b.angle)
		u, v := float64((x-b.x)*cos)+float64((y-b.y)*sin), float64((y-b.y)*cos)-float64((x-b.x)*sin)
		d := math.Hypot(u, v) - b.r
		if b.bar {
			d = box(u, v, 2*b.r, 0.4*b.r)
		}
		c = mix(c, b.colour, cover(d/pixel))
	}
	sin, cos := math.Sincos(sc.angle)
	u, v := float64((x-sc.x)*cos)+float64((y-sc.y)*sin), float64((y-sc.y)*cos)-float64((x-sc.x)*sin)
	d := shapes[class].distance(u/sc.size, v/sc.size) * sc.size
	c = mix(c, sc.front.at(x, y), cover(d/pixel))
	lx, ly := math.Sincos(sc.lightAngle)
	gain := 1 + float64(sc.light*(float64(x*lx)+float64(y*ly)))
	for k := range c {
		c[k] = float64(c[k] * gain)
	}
	return c
}

func (p *paint) at(x, y float64) rgb {
	sin, cos := math.Sincos(p.angle)
	along := float64(x*cos) + float64(y*sin)
	t := clamp(along/2 + 0.5)
	if p.waves > 0 {
		t = 0.5 + float64(0.5*math.Sin(float64(along*p.waves*math.Pi)+p.phase))
	}
	return mix(p.a, p.b, t)
}

// cover is the share of a pixel that lies inside, for a distance in pixels.
func cover(d float64) float64 { return clamp(0.5 - d) }

func mix(a, b rgb, t float64) rgb {
	for k := range a {
		a[k] += float64((b[k] - a[k]) * t)
	}
	return a
}

func clamp(v float64) float64 { return min(1, max(0, v)) }
