package reproduce

import (
	"context"
	"fmt"
	"html"
	"math"
	"strings"

	"alike/eval"
)

// Figure is a drawing for a page: an SVG that needs nothing beside it.
type Figure struct {
	Name string // of the file, less the claim's name before and .svg behind
	Alt  string
	SVG  string
}

// palette tells series apart, also for those who see no red or green.
var palette = []string{"#2563c9", "#c2571a", "#11865b", "#8a3fa8", "#6b7280"}

// canvas collects the elements of a drawing.
type canvas struct {
	strings.Builder
	width, height float64
}

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(x, y float64, anchor, colour, text string) {
	c.printf(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`, x, y, anchor, colour, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string, width float64) {
	c.printf(`<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-width="%g"/>`, x1, y1, x2, y2, colour, width)
}

// figure closes the drawing.
func (c *canvas) figure(name, title string) Figure {
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="sans-serif" font-size="12" role="img" aria-label="%s">`+
		"\n"+`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n", c.width, c.height, c.width, c.height, html.EscapeString(title), c.String())
	return Figure{Name: name, Alt: title, SVG: svg}
}

const (
	ink   = "#333"
	faint = "#ddd"
)

// scale maps from low..high to from..to.
type scale struct{ low, high, from, to float64 }

func (s scale) at(v float64) float64 { return s.from + (v-s.low)/(s.high-s.low)*(s.to-s.from) }

// scaleOf is a scale over values with some air around.
func scaleOf(values []float64, from, to float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	air := max(0.06*(high-low), 1e-3*math.Abs(high), 1e-9)
	return scale{low - air, high + air, from, to}
}

// ticks are four to eight round values.
func (s scale) ticks() (ticks []float64) {
	step := math.Pow(10, math.Floor(math.Log10(s.high-s.low)))
	for _, m := range []float64{2, 2.5, 2} {
		if (s.high-s.low)/step < 4 {
			step /= m
		}
	}
	for i := math.Ceil(s.low / step); i*step <= s.high; i++ {
		ticks = append(ticks, i*step+0)
	}
	return ticks
}

// dots is a chart with a row for each variant and in it a dot, with its interval, for each measure.
type dots struct {
	Title  string
	Series []string
	Rows   []dotRow
}

type dotRow struct {
	Name   string
	Values [][]float64 // by series, of seeds, in percent
}

// intervalOf is the mean of some seeds and its interval, that of one value being itself.
func intervalOf(values []float64) (mean float64, ci95 [2]float64) {
	mean, ci95 = eval.MeanOfSeeds(values)
	if len(values) == 1 {
		ci95 = [2]float64{mean, mean}
	}
	return mean, ci95
}

func (d dots) figure(name string) Figure {
	const rowHeight, left, right, top, bottom, width = 16.0, 220.0, 20.0, 50.0, 30.0, 640.0
	var all []float64
	height := top + bottom
	for _, r := range d.Rows {
		height += rowHeight*float64(max(1, len(r.Values))) + 6
		for _, v := range r.Values {
			all = append(all, v...)
			if len(v) > 2 { // the interval of two seeds is so long that it may leave the chart
				_, ci := intervalOf(v)
				all = append(all, ci[:]...)
			}
		}
	}
	for _, v := range all[:min(1, len(all))] {
		all = append(all, v-0.5, v+0.5) // an axis of at least a point
	}
	x := scaleOf(all, left, width-right)
	c := &canvas{width: width, height: height}
	c.text(8, 18, "start", ink, d.Title)
	for i, s := range d.Series {
		if len(d.Series) > 1 {
			c.printf(`<circle cx="%g" cy="34" r="4" fill="%s"/>`, 16+float64(i)*160, palette[i%len(palette)])
			c.text(26+float64(i)*160, 38, "start", ink, s)
		}
	}
	for _, t := range x.ticks() {
		c.line(x.at(t), top, x.at(t), height-bottom, faint, 1)
		c.text(x.at(t), height-bottom+16, "middle", ink, fmt.Sprintf("%g", math.Round(t*100)/100))
	}
	y := top
	for _, r := range d.Rows {
		c.text(left-10, y+4+rowHeight*float64(len(r.Values))/2, "end", ink, r.Name)
		for i, values := range r.Values {
			at, colour := y+rowHeight*(float64(i)+0.5), palette[i%len(palette)]
			if len(values) > 0 {
				m, ci := intervalOf(values)
				c.line(max(left, x.at(ci[0])), at, min(width-right, x.at(ci[1])), at, colour, 2)
				for _, v := range values {
					c.printf(`<circle cx="%.1f" cy="%.1f" r="2" fill="%s" fill-opacity="0.5"/>`, x.at(v), at, colour)
				}
				c.printf(`<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%.1f</title></circle>`, x.at(m), at, colour, m)
			}
		}
		y += rowHeight*float64(max(1, len(r.Values))) + 6
	}
	return c.figure(name, d.Title)
}

// allMeasures is the figure of claims that have no other.
func allMeasures(_ context.Context, r *Results) ([]Figure, error) {
	d := dots{Title: "%, mean over seeds with its 95 % interval; small dots are seeds"}
	for _, m := range r.Claim.Measures {
		d.Series = append(d.Series, m.Name)
	}
	if len(r.Variants) == 1 { // the measures are the rows
		v := r.Variants[0]
		for _, m := range r.Claim.Measures {
			d.Rows = append(d.Rows, dotRow{m.Name, [][]float64{percent(r.values(v.Name, m.Name))}})
		}
		d.Series = []string{v.Name}
		return []Figure{d.figure("runs")}, nil
	}
	if len(r.Claim.Measures) == 1 {
		d.Title = r.Claim.Measures[0].Name + ", " + d.Title
	}
	for _, v := range r.Variants {
		row := dotRow{Name: v.Name}
		for _, m := range r.Claim.Measures {
			row.Values = append(row.Values, percent(r.values(v.Name, m.Name)))
		}
		d.Rows = append(d.Rows, row)
	}
	if len(r.runs) < 2 {
		return nil, nil // nothing to compare
	}
	return []Figure{d.figure("runs")}, nil
}

func percent(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = 100 * v
	}
	return out
}

// mean is NaN of nothing.
func mean(values []float64) float64 {
	m, _ := eval.MeanOfSeeds(values)
	if len(values) == 0 {
		return math.NaN()
	}
	return m
}

// heat is a matrix of values, NaN for none.
type heat struct {
	Title         string
	Rows, Columns []string
	Cells         [][]float64
}

func (h heat) figure(name string) Figure {
	const cell, left, top = 64.0, 80.0, 60.0
	c := &canvas{width: left + cell*float64(len(h.Columns)) + 20, height: top + 40*float64(len(h.Rows)) + 20}
	c.text(8, 18, "start", ink, h.Title)
	var all []float64
	for _, row := range h.Cells {
		for _, v := range row {
			if !math.IsNaN(v) {
				all = append(all, v)
			}
		}
	}
	shade := scaleOf(all, 0, 1)
	for j, col := range h.Columns {
		c.text(left+cell*(float64(j)+0.5), top-8, "middle", ink, col)
	}
	for i, row := range h.Rows {
		y := top + 40*float64(i)
		c.text(left-8, y+24, "end", ink, row)
		for j, v := range h.Cells[i] {
			x := left + cell*float64(j)
			if math.IsNaN(v) {
				c.printf(`<rect x="%.1f" y="%.1f" width="%g" height="38" fill="#f4f4f4"/>`, x+1, y+1, cell-2)
				continue
			}
			s := shade.at(v)
			colour := ink
			if s > 0.55 {
				colour = "#fff"
			}
			c.printf(`<rect x="%.1f" y="%.1f" width="%g" height="38" fill="rgb(%d,%d,%d)"/>`, x+1, y+1, cell-2, int(238-201*s), int(243-144*s), int(252-51*s))
			c.text(x+cell/2, y+24, "middle", colour, fmt.Sprintf("%.1f", v))
		}
	}
	return c.figure(name, h.Title)
}

// lines is a chart of some series over x.
type lines struct {
	Title, XLabel string
	Log           bool // x is on a logarithmic axis, its ticks the points
	Series        []series
}

type series struct {
	Name   string
	Points []point
}

type point struct{ x, y float64 }

func (l lines) figure(name string) Figure {
	const width, height, left, right, top, bottom = 640.0, 300.0, 60.0, 20.0, 50.0, 44.0
	c := &canvas{width: width, height: height}
	c.text(8, 18, "start", ink, l.Title)
	var xs, ys []float64
	to := func(x float64) float64 {
		if l.Log {
			return math.Log2(x)
		}
		return x
	}
	for _, s := range l.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, to(p.x)), append(ys, p.y)
		}
	}
	if len(xs) == 0 {
		return c.figure(name, l.Title)
	}
	x, y := scaleOf(xs, left, width-right), scaleOf(ys, height-bottom, top)
	for _, t := range y.ticks() {
		c.line(left, y.at(t), width-right, y.at(t), faint, 1)
		c.text(left-8, y.at(t)+4, "end", ink, fmt.Sprintf("%g", math.Round(t*1e4)/1e4))
	}
	ticks := x.ticks()
	if l.Log {
		ticks = xs
	}
	seen := map[float64]bool{}
	for _, t := range ticks {
		shown := t
		if l.Log {
			shown = math.Exp2(t)
		}
		if !seen[t] {
			c.text(x.at(t), height-bottom+18, "middle", ink, fmt.Sprintf("%g", math.Round(shown*100)/100))
		}
		seen[t] = true
	}
	c.text((left+width-right)/2, height-6, "middle", ink, l.XLabel)
	for i, s := range l.Series {
		colour := palette[i%len(palette)]
		c.line(16+float64(i)*160, 34, 36+float64(i)*160, 34, colour, 2)
		c.text(42+float64(i)*160, 38, "start", ink, s.Name)
		var path strings.Builder
		for k, p := range s.Points {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[k == 0], x.at(to(p.x)), y.at(p.y))
		}
		dash := ""
		if i > 0 {
			dash = ` stroke-dasharray="6 4"` // one on the other stays visible
		}
		c.printf(`<path d="%s" stroke="%s" stroke-width="2" fill="none"%s/>`, path.String(), colour, dash)
		if len(s.Points) <= 20 {
			for _, p := range s.Points {
				c.printf(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%.1f</title></circle>`, x.at(to(p.x)), y.at(p.y), colour, p.y)
			}
		}
	}
	return c.figure(name, l.Title)
}

// grid is rows of small charts, each with two curves.
type grid struct {
	Title   string
	Columns []string
	Rows    [][][2][]float64
}

func (g grid) figure(name string) Figure {
	const wide, high, left, top = 290.0, 70.0, 20.0, 52.0
	c := &canvas{width: left + (wide+20)*float64(len(g.Columns)), height: top + (high+14)*float64(len(g.Rows)) + 22}
	c.text(8, 18, "start", ink, g.Title)
	for j, col := range g.Columns {
		c.text(left+(wide+20)*float64(j), 42, "start", ink, col)
	}
	for i, row := range g.Rows {
		for j, two := range row {
			x0, y0 := left+(wide+20)*float64(j), top+(high+14)*float64(i)
			top := 0.0
			for _, values := range two {
				for _, v := range values {
					top = max(top, v)
				}
			}
			c.line(x0, y0+high, x0+wide, y0+high, "#999", 1)
			for k, values := range two {
				var path strings.Builder
				fmt.Fprintf(&path, "M%.1f %.1f", x0, y0+high)
				step := wide / float64(len(values))
				for b, v := range values {
					y := y0 + high*(1-v/top)
					fmt.Fprintf(&path, "L%.1f %.1fL%.1f %.1f", x0+step*float64(b), y, x0+step*float64(b+1), y)
				}
				fmt.Fprintf(&path, "L%.1f %.1fZ", x0+wide, y0+high)
				c.printf(`<path d="%s" fill="%s" fill-opacity="0.35" stroke="%s"/>`, path.String(), palette[k], palette[k])
			}
		}
	}
	c.text(left, c.height-8, "start", ink, "value of a pixel, from 0 to 1; mean of the channels")
	return c.figure(name, g.Title)
}
