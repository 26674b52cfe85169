package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Point is one measurement of a curve.
type Point struct{ X, Y float64 }

// Curve is a line chart: Y over X, with an optional horizontal reference, such
// as the loss of a collapsed embedding or the accuracy of chance.
type Curve struct {
	Name           string // that programs know it by: "loss"
	Title, XLabel  string
	Points         []Point
	Reference      float64
	ReferenceLabel string // empty for none

	// Label names the curve beside Other, a second one with its own label, if there is one.
	Label, OtherLabel string
	Other             []Point
}

// The drawing's size and margins in SVG units.
const (
	width, height           = 640, 266
	left, right, top, below = 56, 16, 28, 46
	maxPoints               = 400
)

// SVG draws the curve, which tells its values to CurveScript; the points of a short one tell theirs
// without it, too.
func (c Curve) SVG() template.HTML {
	pts, other := thin(finite(c.Points), maxPoints), thin(finite(c.Other), maxPoints)
	all := slices.Concat(pts, other)
	if len(all) == 0 {
		return "<p>no values yet</p>"
	}
	xs, ys := axis(all, func(p Point) float64 { return p.X }), axis(all, func(p Point) float64 { return p.Y })
	if c.ReferenceLabel != "" {
		ys = ys.including(c.Reference)
	}
	ys = ys.padded()
	px := func(x float64) float64 { return left + xs.at(x)*(width-left-right) }
	py := func(y float64) float64 { return top + (1-ys.at(y))*(height-top-below) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="curve" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(c.Title))
	for _, y := range ys.ticks() {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, py(y), width-right, left-8, py(y)+4, label(y))
	}
	for _, x := range xs.ticks() {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, px(x), height-below+18, label(x))
	}
	fmt.Fprintf(&b, `<text class="x" x="%d" y="%d" text-anchor="middle">%s</text>`, (left+width-right)/2, height-4, template.HTMLEscapeString(c.XLabel))
	if c.ReferenceLabel != "" {
		// The label is in the margin, where no curve runs over it.
		fmt.Fprintf(&b, `<path class="reference" d="M%d %.1fH%d"/><path class="reference" d="M%d 11h24"/><text class="reference" x="%d" y="15">%s = %s</text>`,
			left, py(c.Reference), width-right, left, left+32, template.HTMLEscapeString(c.ReferenceLabel), label(c.Reference))
	}
	line := func(class, dot string, pts []Point) {
		if len(pts) == 0 {
			return // of two runs, one may have no step yet
		}
		fmt.Fprintf(&b, `<path class="%s" d="`, class)
		for i, p := range pts {
			b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0])
			fmt.Fprintf(&b, "%.1f %.1f", px(p.X), py(p.Y))
		}
		b.WriteString(`" data-values="`)
		for _, p := range pts {
			fmt.Fprintf(&b, "%s:%s ", label(math.Round(p.X*100)/100), label(p.Y))
		}
		b.WriteString(`"/>`)
		if len(all) <= 120 {
			for _, p := range pts {
				fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="3"><title>%s: %s</title></circle>`, dot, px(p.X), py(p.Y), label(p.X), label(p.Y))
			}
		}
	}
	line("line", "dot", pts)
	line("other", "other", other)
	if len(other) > 0 {
		const from, name = 260, 130 // of the labels, in the margin
		for i, label := range []string{c.Label, c.OtherLabel} {
			at := from + i*name
			fmt.Fprintf(&b, `<path class="%s" d="M%d 11h24"/><text x="%d" y="15">%s</text>`, []string{"line", "other"}[i], at, at+32, template.HTMLEscapeString(label))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// span is the part of an axis that is shown.
type span struct{ low, high float64 }

func axis(pts []Point, coordinate func(Point) float64) span {
	s := span{math.Inf(1), math.Inf(-1)}
	for _, p := range pts {
		s = s.including(coordinate(p))
	}
	return s
}

func (s span) including(v float64) span { return span{min(s.low, v), max(s.high, v)} }

// padded leaves some air above and below, and gives a flat curve a height: one that differs by no more
// than the rounding of means, too.
func (s span) padded() span {
	air, size := 0.06*(s.high-s.low), max(math.Abs(s.low), math.Abs(s.high))
	if s.high-s.low <= 1e-9*size {
		air = max(0.5*size, 1e-3)
	}
	return span{s.low - air, s.high + air}
}

// at is the place of v between 0 (low) and 1 (high).
func (s span) at(v float64) float64 {
	if s.high == s.low {
		return 0.5
	}
	return (v - s.low) / (s.high - s.low)
}

// ticks are round values, at most seven, a step of 1, 2 or 5 times a power of ten apart.
func (s span) ticks() []float64 {
	if s.high == s.low {
		return []float64{s.low}
	}
	rough := (s.high - s.low) / 5
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{2, 2.5, 2} { // 2, 5, 10 times the power
		if step < rough {
			step *= m
		}
	}
	var ticks []float64
	first, last := math.Ceil(s.low/step), math.Floor(s.high/step)
	for i := range int(last-first) + 1 { // few, by the choice of step, even where adding 1 to first does nothing
		ticks = append(ticks, (first+float64(i))*step)
	}
	return ticks
}

// label writes a value with four digits, or a whole number with all; adding 0 makes -0 a plain 0.
func label(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e7 {
		return strconv.FormatFloat(v+0, 'f', -1, 64)
	}
	return strconv.FormatFloat(v+0, 'g', 4, 64)
}

// What curves look like, and what reads their values at the pointer and by the arrow keys: for the
// report, and for other pages that show curves.
var (
	//go:embed curve.css
	CurveStyle string
	//go:embed curve.js
	CurveScript string
)

func finite(pts []Point) []Point {
	var out []Point
	for _, p := range pts {
		if !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0) {
			out = append(out, p)
		}
	}
	return out
}

// thin averages neighbours until at most n points are left, so that a long
// run's curve stays small and shows its trend.
func thin(pts []Point, n int) []Point {
	if len(pts) <= n {
		return pts
	}
	out := make([]Point, n)
	for i := range out {
		group := pts[i*len(pts)/n : (i+1)*len(pts)/n]
		for _, p := range group {
			out[i].X += p.X / float64(len(group))
			out[i].Y += p.Y / float64(len(group))
		}
	}
	return out
}
