package sheet

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

var red = color.RGBA{R: 255, A: 255}

func plain(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, red)
	}
	return m
}

func decode(t *testing.T, rows [][]Cell, side int) image.Image {
	t.Helper()
	b, err := PNG(rows, side)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPNG(t *testing.T) {
	const side = 40
	m := decode(t, [][]Cell{{{Image: plain(8, 8), Caption: "a caption longer than the cell"}, {}}, {{Image: plain(100, 50)}}}, side)
	if want := image.Pt(gap+2*(side+gap), gap+2*(side+gap+caption)); m.Bounds().Size() != want {
		t.Errorf("the sheet is %v, want %v", m.Bounds().Size(), want)
	}
	second := gap + side + gap + caption // top of the second row
	for _, tc := range []struct {
		name string
		x, y int
		red  bool
	}{
		{"a small image is enlarged to the corner", gap, gap, true},
		{"and to the other", gap + side - 1, gap + side - 1, true},
		{"an empty cell is paper", 2*gap + side + 5, gap + 5, false},
		{"a wide image keeps its proportions", gap + side/2, second + 2, false},
		{"and lies in the middle", gap + side/2, second + side/2, true},
	} {
		if got := color.RGBAModel.Convert(m.At(tc.x, tc.y)) == red; got != tc.red {
			t.Errorf("%s: (%d, %d) is %v", tc.name, tc.x, tc.y, m.At(tc.x, tc.y))
		}
	}
}

func TestNoRows(t *testing.T) {
	if got := decode(t, nil, 10).Bounds().Size(); got != image.Pt(gap, gap) {
		t.Errorf("an empty sheet is %v", got)
	}
}

func TestSpriteIsASquareGridWithoutGaps(t *testing.T) {
	var images []image.Image
	for i := range 5 { // in a grid of 3 x 3
		m := image.NewGray(image.Rect(0, 0, 2, 2))
		for p := range m.Pix {
			m.Pix[p] = uint8(10 * i)
		}
		images = append(images, m)
	}
	b, err := Sprite(images, 4)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds() != image.Rect(0, 0, 12, 12) {
		t.Fatalf("%v", m.Bounds())
	}
	for i := range 5 {
		for _, at := range []image.Point{{0, 0}, {3, 3}} {
			p := at.Add(image.Pt(i%3*4, i/3*4))
			if r, _, _, _ := m.At(p.X, p.Y).RGBA(); r>>8 != uint32(10*i) {
				t.Errorf("picture %d at %v is %d", i, p, r>>8)
			}
		}
	}
}
