package report

import (
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
)

// Check is what the page about a data set shows, in this order.
type Check struct {
	Title    string // the data
	Data     string // how much of it
	Advice   []string
	Tiles    []Tile
	Sections []Section
	Method   []string // how it was looked for, in sentences
}

// Tile is a number at the top of the page.
type Tile struct {
	Count, Label string
	Section      string // ID of the section that shows more, or ""
	Alarm        bool   // a number that spoils results
}

// Section is one kind of finding. Empty parts are left out.
type Section struct {
	ID, Title string
	Advice    string // what it means and what to do
	Pairs     []Pair
	Shots     []Shot
	Table     [][]string // the first row is the header
	More      string     // what is left out
}

// Pair is two images side by side.
type Pair struct {
	A, B   Shot
	Badges []Badge
}

// Badge is a word or two about a pair.
type Badge struct {
	Text  string
	Alarm bool
}

// Shot is an image with what is known of it.
type Shot struct {
	Type              string // of the file: "png", "jpeg"
	File              []byte
	Crisp             bool // few pixels, which are enlarged as squares
	ID, Class, Detail string
	Split             string
}

// URI is the image as a data URI.
func (s Shot) URI() template.URL {
	return template.URL("data:image/" + s.Type + ";base64," + base64.StdEncoding.EncodeToString(s.File))
}

//go:embed check.html.tmpl
var checkPage string

var checkTmpl = parse("check", checkPage)

// Write writes the page. It is self-contained: no script, font or image is loaded
// from elsewhere.
func (c *Check) Write(w io.Writer) error { return checkTmpl.Execute(w, c) }
