package report

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestPageIsOneFile(t *testing.T) {
	r := Report{
		Title:     "run <1>",
		Data:      "builtin:sprites?n=1&seed=1",
		Verdict:   []string{"It learned."},
		Facts:     []Fact{{"steps", "100"}},
		Curves:    []Curve{{Title: "loss", XLabel: "step", Points: []Point{{0, 6}, {1, 5}}, Reference: 6.2, ReferenceLabel: "collapsed"}},
		Scores:    []Score{{Name: "knn_accuracy", Value: 0.506, CI95: &[2]float64{0.496, 0.516}, Protocol: []Fact{{"k", "200"}}}},
		Pictures:  []Picture{{Title: "views", PNG: []byte("png")}},
		Map:       &Map{Points: []Place{{0, 1, 0, "</script>a"}, {3, 2, -1, "b"}}, Classes: []string{"cat"}, Sprite: []byte("png"), Side: 28, Columns: 2},
		Confusion: &Confusion{Classes: []string{"cat", "dog"}, Counts: [][]int{{3, 1}, {0, 4}}},
		Config:    "method: simclr\n",
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"run &lt;1&gt;", "50.6 %", "49.6 to 51.6", "data:image/png;base64,cG5n", "<svg", "collapsed = 6.2", "on builtin:sprites?n=1&amp;seed=1", "method: simclr", `class="c0" data-i="0"`, `class="none" data-i="1"`, "1 of 4 images of cat are taken for dog", `style="--share: 25%"`, `"cat: \u003c/script\u003ea"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, remote := range []string{"http:", "https:", "src=\"/", "<script src", "ZgotmplZ"} {
		if strings.Contains(page, remote) {
			t.Errorf("the page holds %q", remote)
		}
	}
}

func TestCurve(t *testing.T) {
	long := make([]Point, 10_000)
	for i := range long {
		long[i] = Point{float64(i), math.Sin(float64(i))}
	}
	flat := func(y float64) Curve { // whose means differ in their last bit
		pts := make([]Point, 5000)
		for i := range pts {
			pts[i] = Point{float64(i), y}
		}
		return Curve{Points: pts}
	}
	for _, tc := range []struct {
		name  string
		curve Curve
		want  string
	}{
		{"no points say so", Curve{}, "no values yet"},
		{"only NaN counts as no points", Curve{Points: []Point{{1, math.NaN()}}}, "no values yet"},
		{"one point is drawn", Curve{Points: []Point{{1, 2}}}, "<circle"},
		{"a second curve has the same axes", Curve{Points: []Point{{0, 1}, {1, 2}}, Label: "one", OtherLabel: "two", Other: []Point{{1, 4}}}, `class="other" cx="624.0"`},
		{"a second curve alone is drawn", Curve{Label: "one", OtherLabel: "two", Other: []Point{{1, 4}}}, `class="other" cx="340.0"`},
		{"5,000 points of 0.03 are flat", flat(0.03), "M56.0 124.0L"},
		{"5,000 points of 0.1 are flat", flat(0.1), "M56.0 124.0L"},
		{"nothing but zeros is flat", flat(0), "M56.0 124.0L"},
		{"a long curve is thinned", Curve{Points: long}, `class="line"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			svg := string(tc.curve.SVG())
			if !strings.Contains(svg, tc.want) || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("got %.300s", svg)
			}
			if n := len(svg); n > 20_000 {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, s := range []span{{0, 1}, {-3.7, 12.2}, {1e-4, 2e-4}, {5.1, 5.4}, {0, 97657}, {-2e-9, 1 - 1e-9}} {
		ticks := s.ticks()
		if len(ticks) < 2 || len(ticks) > 7 {
			t.Errorf("%v: ticks %v", s, ticks)
		}
		for _, v := range ticks {
			if v < s.low || v > s.high {
				t.Errorf("%v: tick %g outside", s, v)
			}
		}
	}
}
