package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

// Map shows embeddings as points, near where they are alike: in the colour of its class, with its
// picture and name when it is pointed at, or walked to by the arrow keys.
type Map struct {
	Caption string
	Points  []Place
	Classes []string // by Place.Class; empty for none

	Sprite        []byte // PNG, the pictures in the order of the points, Columns in a row
	Side, Columns int
}

// Place is where an image is on the map.
type Place struct {
	X, Y  float64 // on any scale
	Class int     // -1 for none
	Name  string
}

// colours are how many the style sheet tells apart; more classes use them again.
const colours = 10

// SVG draws the points.
func (m *Map) SVG() template.HTML {
	const size, edge = 640, 10
	xs, ys := span{1, 0}, span{1, 0}
	for i, p := range m.Points {
		if i == 0 {
			xs, ys = span{p.X, p.X}, span{p.Y, p.Y}
		}
		xs, ys = xs.including(p.X), ys.including(p.Y)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg id="map" viewBox="0 0 %d %d" tabindex="0" role="application" aria-label="Map of %d embeddings: the arrow keys walk from image to image" aria-describedby="place">`, size, size, len(m.Points))
	for i, p := range m.Points {
		class := "none"
		if p.Class >= 0 {
			class = fmt.Sprintf("c%d", p.Class%colours)
		}
		fmt.Fprintf(&b, `<circle class="%s" data-i="%d" cx="%.1f" cy="%.1f" r="3"/>`, class, i, edge+xs.at(p.X)*(size-2*edge), edge+(1-ys.at(p.Y))*(size-2*edge))
	}
	b.WriteString(`<circle id="here" r="7" cx="-20" cy="-20"/></svg>`)
	return template.HTML(b.String())
}

// Legend are the classes with their colours.
func (m *Map) Legend() []Fact {
	var list []Fact
	for i, name := range m.Classes {
		list = append(list, Fact{Name: fmt.Sprintf("c%d", i%colours), Value: name})
	}
	return list
}

// Names are what a point is called, in their order.
func (m *Map) Names() []string {
	names := make([]string, len(m.Points))
	for i, p := range m.Points {
		names[i] = p.Name
		if p.Class >= 0 && p.Class < len(m.Classes) {
			names[i] = m.Classes[p.Class] + ": " + p.Name
		}
	}
	return names
}

// URI is the sprite as a data URI.
func (m *Map) URI() template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(m.Sprite))
}

// Script follows the pointer and the arrow keys.
func (m *Map) Script() template.JS { return template.JS(mapScript) }

//go:embed map.js
var mapScript string
