package dataset

import (
	"bytes"
	"image"
	"testing"
)

// TestPartIsThatOfTheImage reads parts of images that are decoded anew, of the
// common kind of JPEG and of others.
func TestPartIsThatOfTheImage(t *testing.T) {
	turned := append([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), jpegOf(t, 20, 30, 3)[2:]...)
	root := tree(t, map[string][]byte{"a.jpg": jpegOf(t, 61, 47, 9), "b.png": pngFile(t, 40, 7), "c.jpg": turned})
	s, err := Open(t.Context(), root, Options{CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	d := Subset(s.Splits[All], "turned around", []int{2, 1, 0})
	var buf Buffer
	for i := range d.Len() {
		want, err := d.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		w, h, err := Size(d, i)
		if err != nil || w != want.Width || h != want.Height {
			t.Errorf("%s: %d x %d, %v", d.ID(i), w, h, err)
		}
		r := image.Rect(3, 5, 19, 18)
		got, err := Part(d, i, func(width, height int) image.Rectangle {
			if width != w || height != h {
				t.Errorf("%s: the region is asked for of %d x %d", d.ID(i), width, height)
			}
			return r
		}, &buf)
		if err != nil || got.Width != w || got.Height != h {
			t.Fatalf("%s: %d x %d, %v", d.ID(i), got.Width, got.Height, err)
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			at, n := 3*(y*w+r.Min.X), 3*r.Dx()
			if !bytes.Equal(got.Pix[at:at+n], want.Pix[at:at+n]) {
				t.Errorf("%s: row %d differs", d.ID(i), y)
			}
		}
	}
	if w, h, _ := Size(d, 0); w != 30 || h != 20 {
		t.Errorf("the turned image has %d x %d pixels", w, h)
	}
}
