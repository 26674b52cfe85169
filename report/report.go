// Package report writes a run as one HTML file that needs nothing beside it:
// what was trained, how it went, what it learned, and how that was measured.
package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// Report is what one page shows, in this order. Empty parts are left out.
type Report struct {
	Title     string   // what was trained, in a few words
	Data      string   // on what
	Verdict   []string // plain sentences: what happened, what to try
	Facts     []Fact
	Curves    []Curve
	Scores    []Score
	Pictures  []Picture
	Map       *Map       // nil for none
	Confusion *Confusion // nil for none
	Config    string     // the resolved configuration, YAML
}

// Fact is one line of the summary table.
type Fact struct{ Name, Value string }

// Score is one measurement with its 95 % interval, as fractions, and the
// protocol that it was measured by.
type Score struct {
	Name, Subject string
	Value         float64
	CI95          *[2]float64 // nil where there is none
	Protocol      []Fact
}

// Percent is the value as people read it.
func (s Score) Percent() string { return fmt.Sprintf("%.1f %%", 100*s.Value) }

// Interval is the 95 % interval as people read it.
func (s Score) Interval() string {
	if s.CI95 == nil {
		return "none"
	}
	return fmt.Sprintf("%.1f to %.1f", 100*s.CI95[0], 100*s.CI95[1])
}

// Picture is a PNG with a title and a line that says how to read it.
type Picture struct {
	Title, Caption string
	PNG            []byte
}

// URI is the picture as a data URI, so that the page stays one file.
func (p Picture) URI() template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG))
}

//go:embed report.html.tmpl
var page string

// style is what all pages look like.
//
//go:embed style.css
var style string

var tmpl = parse("report", page)

func parse(name, text string) *template.Template {
	return template.Must(template.New(name).Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(style + CurveStyle) },
		"curves": func() template.JS { return template.JS(CurveScript) },
	}).Parse(text))
}

// Write writes the page. It is self-contained: no script, font or image is
// loaded from elsewhere.
func (r *Report) Write(w io.Writer) error { return tmpl.Execute(w, r) }
