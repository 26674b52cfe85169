// Package sheet draws grids of images.
package sheet

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Cell is an image of a sheet with a line below it, and a frame if it has a colour.
type Cell struct {
	Image   image.Image
	Caption string
	Frame   color.Color
}

// Sizes in pixels.
const (
	gap     = 6
	caption = 17
	letter  = 7 // width of a letter of the caption's font
)

var (
	paper = color.Gray{250}
	ink   = color.Gray{60}
)

// PNG draws rows of cells, each image scaled into the middle of side by side
// pixels: enlarged ones by the nearest pixel, so that small images stay crisp.
func PNG(rows [][]Cell, side int) ([]byte, error) {
	columns, lines := 0, 0
	for _, r := range rows {
		columns = max(columns, len(r))
		for _, c := range r {
			if c.Caption != "" {
				lines = caption
			}
		}
	}
	step := side + gap
	m := image.NewRGBA(image.Rect(0, 0, gap+columns*step, gap+len(rows)*(step+lines)))
	draw.Draw(m, m.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	for y, r := range rows {
		for x, c := range r {
			at := image.Pt(gap+x*step, gap+y*(step+lines))
			c.draw(m, image.Rectangle{at, at.Add(image.Pt(side, side))})
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}

// Sprite draws images side by side without gaps, in a grid as wide as high, each scaled into
// the middle of side by side pixels.
func Sprite(images []image.Image, side int) ([]byte, error) {
	n := int(math.Ceil(math.Sqrt(float64(len(images)))))
	m := image.NewRGBA(image.Rect(0, 0, n*side, n*side))
	draw.Draw(m, m.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	for i, img := range images {
		at := image.Pt(i%n*side, i/n*side)
		Cell{Image: img}.draw(m, image.Rectangle{at, at.Add(image.Pt(side, side))})
	}
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}

// fit is the largest rectangle with the proportions of size in the middle of r.
func fit(r image.Rectangle, size image.Point) image.Rectangle {
	w, h := r.Dx(), r.Dy()
	if size.X > size.Y {
		h = max(1, h*size.Y/size.X)
	} else if size.Y > 0 {
		w = max(1, w*size.X/size.Y)
	}
	at := r.Min.Add(image.Pt((r.Dx()-w)/2, (r.Dy()-h)/2))
	return image.Rectangle{at, at.Add(image.Pt(w, h))}
}

func (c Cell) draw(m *image.RGBA, r image.Rectangle) {
	if c.Image == nil {
		return
	}
	if c.Frame != nil {
		draw.Draw(m, r.Inset(-3), image.NewUniform(c.Frame), image.Point{}, draw.Src)
	}
	var scaler draw.Interpolator = draw.NearestNeighbor
	if b := c.Image.Bounds(); b.Dx() > r.Dx() || b.Dy() > r.Dy() {
		scaler = draw.CatmullRom
	}
	scaler.Scale(m, fit(r, c.Image.Bounds().Size()), c.Image, c.Image.Bounds(), draw.Src, nil)
	text := []rune(c.Caption)
	if n := (r.Dx() + gap) / letter; len(text) > n {
		text = text[:n]
	}
	d := font.Drawer{Dst: m, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(r.Min.X, r.Max.Y+caption-3)}
	d.DrawString(string(text))
}
