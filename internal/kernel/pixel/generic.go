package pixel

import "math"

// The conversions float32(x*y) below keep compilers from fusing a product into the
// sum that follows.

// clip is x within [0,1]. Floats of one sign order as their bits do, and the integer
// form has no branch, which noisy pixels would mispredict.
func clip(x float32) float32 {
	const one = 0x3f800000
	return math.Float32frombits(uint32(min(max(int32(math.Float32bits(x)), 0), one)))
}

func grayOf(r, g, b float32) float32 {
	return float32(GrayRed*r) + float32(GrayGreen*g) + float32(GrayBlue*b)
}

func acrossGeneric(r, g, b []float32, pix []uint8, t *Taps, from int) {
	n := len(r)
	g, b, first := g[:n], b[:n], t.First[:n]
	for x := from; x < n; x++ {
		p := pix[3*first[x]:][:3*t.Count]
		var sr, sg, sb float32
		for k := x; len(p) >= 3; k += n {
			w := t.Weight[k]
			sr += float32(w * float32(p[0]))
			sg += float32(w * float32(p[1]))
			sb += float32(w * float32(p[2]))
			p = p[3:]
		}
		r[x], g[x], b[x] = sr, sg, sb
	}
}

func downGeneric(dst, src []float32, pitch int, w []float32, from int) {
	dst = dst[from:]
	row := func(k int) []float32 { return src[k*pitch+from:][:len(dst)] }
	a := row(0)
	if len(w) == 1 {
		for i := range dst {
			dst[i] = w[0] * a[i]
		}
		return
	}
	b := row(1)
	for i := range dst {
		dst[i] = float32(w[0]*a[i]) + float32(w[1]*b[i])
	}
	for k := 2; k < len(w); k++ {
		a := row(k)
		for i := range dst {
			dst[i] += float32(w[k] * a[i])
		}
	}
}

func smoothGeneric(dst, src []float32, c, stride int, w []float32, from int) {
	dst = dst[from:]
	row := func(k int) []float32 { return src[c+k*stride+from:][:len(dst)] }
	a := row(0)
	for i := range dst {
		dst[i] = w[0] * a[i]
	}
	for k := 1; k < len(w); k++ {
		a, b := row(-k), row(k)
		for i := range dst {
			dst[i] += float32(w[k] * (a[i] + b[i]))
		}
	}
}

func scaleGeneric(x []float32, a, b float32) {
	for i, v := range x {
		x[i] = clip(float32(a*v) + b)
	}
}

func graySumGeneric(lane *[group]float32, r, g, b []float32) {
	g, b = g[:len(r)], b[:len(r)] // drops bounds checks
	for i := range r {
		lane[i%group] += grayOf(r[i], g[i], b[i])
	}
}

// fold adds the lanes in halves.
func fold(lane *[group]float32) float32 {
	for n := group / 2; n > 0; n /= 2 {
		for i := range n {
			lane[i] += lane[i+n]
		}
	}
	return lane[0]
}

func grayGeneric(r, g, b []float32) {
	g, b = g[:len(r)], b[:len(r)]
	for i := range r {
		y := grayOf(r[i], g[i], b[i])
		r[i], g[i], b[i] = y, y, y
	}
}

func saturateGeneric(r, g, b []float32, t float32) {
	g, b = g[:len(r)], b[:len(r)]
	for i := range r {
		y := (1 - t) * grayOf(r[i], g[i], b[i])
		r[i] = clip(float32(t*r[i]) + y)
		g[i] = clip(float32(t*g[i]) + y)
		b[i] = clip(float32(t*b[i]) + y)
	}
}

// hueShifts is 6*delta - p for the three components, brought into [-3, 3).
func hueShifts(delta float64) (shift [3]float32) {
	for i, p := range [...]float64{3, 5, 1} {
		s := 6*delta - p
		shift[i] = float32(s - 6*math.Floor((s+3)/6))
	}
	return shift
}

func hueGeneric(r, g, b []float32, shift *[3]float32) {
	g, b = g[:len(r)], b[:len(r)]
	for i := range r {
		x, y, z := r[i], g[i], b[i]
		v := max(x, y, z)
		c := v - min(x, y, z)
		c2 := c + c
		c4 := c2 + c2
		// h*c by the largest component, red before green before blue. Selecting
		// among bits compiles to conditional moves.
		h := math.Float32bits((x - y) + c4)
		if v == y {
			h = math.Float32bits((z - x) + c2)
		}
		if v == x {
			h = math.Float32bits(y - z)
		}
		hc, c6 := math.Float32frombits(h), c4+c2
		r[i] = clip(v - hueDrop(hc+float32(shift[0]*c), c, c2, c6))
		g[i] = clip(v - hueDrop(hc+float32(shift[1]*c), c, c2, c6))
		b[i] = clip(v - hueDrop(hc+float32(shift[2]*c), c, c2, c6))
	}
}

// hueDrop is how far a component at distance u from where it vanishes lies below the
// largest; u is in [-4c, 8c) and wraps at c6 = 6c.
func hueDrop(u, c, c2, c6 float32) float32 {
	d := min(abs(u), abs(u-c6))
	return max(min(c2-d, c), 0)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func interleaveGeneric(dst, r, g, b []float32) {
	g, b = g[:len(r)], b[:len(r)]
	for i := range r {
		d := dst[3*i:][:3]
		d[0], d[1], d[2] = clip(r[i]), clip(g[i]), clip(b[i])
	}
}
