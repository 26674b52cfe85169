package augment

import (
	"math"
	"math/cmplx"
	"slices"

	"alike/dataset"
	"alike/internal/rng"
)

// picture is an image in float64, [height][width][channel]: the twins below are
// written from the definitions, one pixel at a time.
type picture [][][3]float64

func newPicture(w, h int) picture {
	p := make(picture, h)
	for y := range p {
		p[y] = make([][3]float64, w)
	}
	return p
}

// cut is rectangle r of img, divided by 255.
func cut(img dataset.Image, r Rect) picture {
	p := newPicture(r.W, r.H)
	for y := range p {
		for x := range p[y] {
			for c := range 3 {
				p[y][x][c] = float64(img.Pix[3*((r.Y+y)*img.Width+r.X+x)+c]) / 255
			}
		}
	}
	return p
}

// each returns f of every pixel.
func (p picture) each(f func(v [3]float64) [3]float64) picture {
	out := newPicture(len(p[0]), len(p))
	for y := range p {
		for x := range p[y] {
			out[y][x] = f(p[y][x])
		}
	}
	return out
}

func (p picture) clipped() picture {
	return p.each(func(v [3]float64) [3]float64 {
		for c := range v {
			v[c] = max(0, min(1, v[c]))
		}
		return v
	})
}

func (p picture) mean() (m [3]float64) {
	for _, row := range p {
		for _, v := range row {
			for c := range m {
				m[c] += v[c] / float64(len(p)*len(row))
			}
		}
	}
	return m
}

func (p picture) transposed() picture {
	out := newPicture(len(p), len(p[0]))
	for y := range p {
		for x := range p[y] {
			out[x][y] = p[y][x]
		}
	}
	return out
}

func (p picture) mirrored() picture {
	out := newPicture(len(p[0]), len(p))
	for y, row := range p {
		for x := range row {
			out[y][x] = row[len(row)-1-x]
		}
	}
	return out
}

// resizedAcross resamples every row to n pixels. Each output sums over all pixels
// there are and, where the border repeats, over some that there are not.
func (p picture) resizedAcross(n int, f Filter) picture {
	from := len(p[0])
	step := float64(from) / float64(n)
	a, beyond := 1.0, 4
	if f.Antialias {
		a, beyond = max(1, step), 0
	}
	out := newPicture(n, len(p))
	for y, row := range p {
		for i := range n {
			var sum float64
			for j := -beyond; j < from+beyond; j++ {
				k := kernelTwin(f.Interpolation, math.Abs(float64(j)+0.5-(float64(i)+0.5)*step)/a)
				sum += k
				for c := range 3 {
					out[y][i][c] += k * row[max(0, min(from-1, j))][c]
				}
			}
			for c := range 3 {
				out[y][i][c] /= sum
			}
		}
	}
	return out
}

func (p picture) resized(w, h int, f Filter) picture {
	return p.resizedAcross(w, f).transposed().resizedAcross(h, f).transposed()
}

// kernelTwin is Keys (1981), eq. 15, or the triangle.
func kernelTwin(name string, d float64) float64 {
	switch {
	case name == "bilinear":
		return max(0, 1-d)
	case d < 1:
		return 1.5*d*d*d - 2.5*d*d + 1
	case d < 2:
		return -0.5*d*d*d + 2.5*d*d - 4*d + 2
	}
	return 0
}

func grayTwin(v [3]float64) [3]float64 {
	y := 0.2989*v[0] + 0.587*v[1] + 0.114*v[2]
	return [3]float64{y, y, y}
}

func blend(v, to [3]float64, f float64) [3]float64 {
	for c := range v {
		v[c] = f*v[c] + (1-f)*to[c]
	}
	return v
}

// toHSV and fromHSV are the textbook's conversions; all of h, s, v are in [0,1].
func toHSV(p [3]float64) (h, s, v float64) {
	r, g, b := p[0], p[1], p[2]
	v = max(r, g, b)
	c := v - min(r, g, b)
	switch {
	case c == 0 || v == 0: // the latter where bicubic went below 0
		return 0, 0, v
	case v == r:
		h = (g - b) / c / 6
	case v == g:
		h = ((b-r)/c + 2) / 6
	default:
		h = ((r-g)/c + 4) / 6
	}
	return h - math.Floor(h), c / v, v
}

func fromHSV(h, s, v float64) [3]float64 {
	sector := math.Floor(6 * h)
	f := 6*h - sector
	p, q, t := v*(1-s), v*(1-s*f), v*(1-s*(1-f))
	return [][3]float64{{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}}[int(sector)%6]
}

func (j *Jitter) twin(p picture, o property, amount float64) picture {
	switch o {
	case brightness:
		return p.each(func(v [3]float64) [3]float64 {
			for c := range v {
				if j.Additive {
					v[c] += amount
				} else {
					v[c] *= amount
				}
			}
			return v
		})
	case contrast:
		mean := p.mean()
		if j.Form == "torchvision" {
			mean = p.each(grayTwin).mean()
		}
		return p.each(func(v [3]float64) [3]float64 { return blend(v, mean, amount) })
	case saturation:
		if j.Form == "torchvision" {
			return p.each(func(v [3]float64) [3]float64 { return blend(v, grayTwin(v), amount) })
		}
		return p.each(func(rgb [3]float64) [3]float64 {
			h, s, v := toHSV(rgb)
			return fromHSV(h, min(1, s*amount), v)
		})
	}
	return p.each(func(rgb [3]float64) [3]float64 {
		h, s, v := toHSV(rgb)
		h += amount
		return fromHSV(h-math.Floor(h), s, v)
	})
}

// blurred is the two-dimensional convolution with zeros beyond the border.
func (p picture) blurred(sigma float64) picture {
	n := len(p)
	radius := n / 10 / 2
	var total float64
	for d := -radius; d <= radius; d++ {
		total += math.Exp(-float64(d*d) / (2 * sigma * sigma))
	}
	out := newPicture(n, n)
	for y := range p {
		for x := range p[y] {
			for dy := max(-radius, -y); dy <= min(radius, n-1-y); dy++ {
				for dx := max(-radius, -x); dx <= min(radius, n-1-x); dx++ {
					w := math.Exp(-float64(dx*dx+dy*dy)/(2*sigma*sigma)) / (total * total)
					for c := range 3 {
						out[y][x][c] += w * p[y+dy][x+dx][c]
					}
				}
			}
		}
	}
	return out
}

// twin makes the view of img that the draws describe, step after step.
func (p *Pipeline) twin(img dataset.Image, draws []draw) picture {
	view := cut(img, draws[0].rect).resized(p.size, p.size, p.cut.filter())
	for i, step := range p.rest {
		if d := draws[1+i]; d.happens {
			view = changeTwin(step, view, d)
		}
	}
	return view.clipped()
}

func changeTwin(step Step, view picture, d draw) picture {
	switch step := step.(type) {
	case *Flip:
		return view.mirrored()
	case *Jitter:
		for _, o := range d.jitter.order {
			view = step.twin(view, o, d.jitter.amount[o]).clipped()
		}
		return view
	case *Gray:
		return view.each(grayTwin)
	case *Blur:
		return view.blurred(d.amount)
	case *Solarise:
		return view.each(func(v [3]float64) [3]float64 {
			for c, x := range v {
				if x >= step.Threshold {
					v[c] = 1 - x
				}
			}
			return v
		})
	case *Sobel:
		return view.steepness()
	case *Cutout:
		return view.painted(d.rect, step.Fill)
	case *Rotate:
		if step.Degrees == 0 {
			for range int(d.amount) {
				view = view.transposed()
				slices.Reverse(view) // counter-clockwise
			}
			return view
		}
		return view.turned(d.amount)
	case *Noise:
		return view.noisy(d.amount, rng.New(rng.Noise, d.seed))
	}
	panic("a step without a twin: " + step.name())
}

// steepness correlates with Sobel's two matrices.
func (p picture) steepness() picture {
	across := [3][3]float64{{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}
	n := len(p)
	out := newPicture(n, n)
	for y := range p {
		for x := range p[y] {
			for c := range 3 {
				var gx, gy float64
				for i := range 3 {
					for j := range 3 {
						v := p[max(0, min(n-1, y+i-1))][max(0, min(n-1, x+j-1))][c]
						gx += across[i][j] * v
						gy += across[j][i] * v
					}
				}
				out[y][x][c] = min(1, math.Hypot(gx, gy)/4)
			}
		}
	}
	return out
}

func (p picture) painted(r Rect, fill float64) picture {
	out := newPicture(len(p[0]), len(p))
	for y := range p {
		for x, v := range p[y] {
			if x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H {
				v = [3]float64{fill, fill, fill}
			}
			out[y][x] = v
		}
	}
	return out
}

// turned has at each point the value of that point of p from which a turn by degrees
// takes it there: the complex number (x + iy)·e^(iθ) with y down, weighed linearly.
func (p picture) turned(degrees float64) picture {
	n := len(p)
	middle := complex(float64(n-1)/2, float64(n-1)/2)
	back := cmplx.Exp(complex(0, degrees*math.Pi/180))
	out := newPicture(n, n)
	for y := range p {
		for x := range p[y] {
			from := middle + (complex(float64(x), float64(y))-middle)*back
			for j := max(0, int(imag(from))-1); j <= min(n-1, int(imag(from))+2); j++ {
				for i := max(0, int(real(from))-1); i <= min(n-1, int(real(from))+2); i++ {
					w := triangle(real(from)-float64(i)) * triangle(imag(from)-float64(j))
					for c := range 3 {
						out[y][x][c] += w * p[j][i][c]
					}
				}
			}
		}
	}
	return out
}

// noisy adds values that are drawn for all of red, then green, then blue.
func (p picture) noisy(sigma float64, s *rng.Stream) picture {
	out := newPicture(len(p[0]), len(p))
	for c := range 3 {
		for y := range p {
			for x := range p[y] {
				out[y][x][c] = p[y][x][c] + sigma*s.NormFloat64()
			}
		}
	}
	return out.clipped()
}
