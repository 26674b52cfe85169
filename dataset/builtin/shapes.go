package builtin

import "math"

// shape is a class: its signed distance, negative inside, at a point of the
// square [-1, 1]² with y pointing down.
type shape struct {
	name     string
	distance func(x, y float64) float64
}

// shapes differ in outline alone and stay apart under any rotation.
var shapes = []shape{
	{"disc", func(x, y float64) float64 { return math.Hypot(x, y) - 0.8 }},
	{"ring", func(x, y float64) float64 { return math.Abs(math.Hypot(x, y)-0.65) - 0.18 }},
	{"square", func(x, y float64) float64 { return box(x, y, 0.68, 0.68) }},
	{"bar", func(x, y float64) float64 { return box(x, y, 0.95, 0.24) }},
	{"triangle", func(x, y float64) float64 { return polygon(x, y, 3, 0.48) }},
	{"star", func(x, y float64) float64 { return star(x, y) }},
	{"cross", func(x, y float64) float64 { return min(box(x, y, 0.9, 0.25), box(x, y, 0.25, 0.9)) }},
	{"crescent", func(x, y float64) float64 { return max(math.Hypot(x, y)-0.85, 0.68-math.Hypot(x-0.42, y)) }},
	{"heart", func(x, y float64) float64 { return heart(x, y) }},
	{"ell", func(x, y float64) float64 { return min(box(x+0.42, y, 0.26, 0.85), box(x, y-0.59, 0.68, 0.26)) }},
}

func classNames() []string {
	names := make([]string, len(shapes))
	for i, s := range shapes {
		names[i] = s.name
	}
	return names
}

// box is the distance to a rectangle of half sides a and b.
func box(x, y, a, b float64) float64 {
	dx, dy := math.Abs(x)-a, math.Abs(y)-b
	return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)
}

// polygon is the distance to the sides' lines of a regular one with n sides r
// from its centre.
func polygon(x, y float64, n int, r float64) float64 {
	d := math.Inf(-1)
	for i := range n {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		d = max(d, float64(x*sin)+float64(y*cos)-r)
	}
	return d
}

// star is the union of two triangles turned against each other: six points.
func star(x, y float64) float64 {
	return min(polygon(x, y, 3, 0.46), polygon(x, -y, 3, 0.46))
}

// heart is two discs on a triangle, which reaches up into them so that no seam
// of half covered pixels is left between.
func heart(x, y float64) float64 {
	discs := math.Hypot(math.Abs(x)-0.4, y+0.25) - 0.46
	const sin, cos = 0.70710678, 0.70710678
	below := float64(math.Abs(x)*sin) + float64(y*cos) - 0.57
	above := float64(math.Abs(x)*sin) - float64(y*cos) - 0.46 // through the discs' centres
	return min(discs, max(below, above, -y-0.3))
}
