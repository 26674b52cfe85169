package cli

import (
	"image"
	"image/color"
	"strings"
	"testing"
)

func TestParseCrop(t *testing.T) {
	got, err := parseCrop("3, 4,5,6")
	if want := image.Rect(3, 4, 8, 10); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for text, want := range map[string]string{
		"1,2,3":                     "four numbers",
		"1,2,3,4,5":                 "four numbers",
		"1,x,3,4":                   `"x" is no number`,
		"-1,2,3,4":                  `"-1" is no number`,
		"9223372036854775807,0,9,9": "no number of pixels",
		"1,2,0,4":                   "at least 1",
		"1,2,3,0":                   "at least 1",
	} {
		if _, err := parseCrop(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// The image's corner is not at 0, 0: a crop counts from the corner.
func TestCropped(t *testing.T) {
	img := image.NewRGBA(image.Rect(10, 20, 18, 26))
	for y := 20; y < 26; y++ {
		for x := 10; x < 18; x++ {
			img.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), 0, 255})
		}
	}
	got, err := cropped(img, image.Rect(2, 1, 8, 6)) // to the far edges
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Rect(0, 0, 6, 5); got.Bounds() != want {
		t.Fatalf("bounds %v, want %v", got.Bounds(), want)
	}
	for y := range 5 {
		for x := range 6 {
			if want := (color.RGBA{uint8(12 + x), uint8(21 + y), 0, 255}); got.At(x, y) != want {
				t.Errorf("%d,%d: got %v, want %v", x, y, got.At(x, y), want)
			}
		}
	}
	for _, part := range []image.Rectangle{image.Rect(2, 1, 9, 6), image.Rect(2, 1, 8, 7), image.Rect(8, 0, 9, 1)} {
		if _, err := cropped(img, part); err == nil || !strings.Contains(err.Error(), "8 x 6 pixels") {
			t.Errorf("%v: got %v, want the image's size", part, err)
		}
	}
}
