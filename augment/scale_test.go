package augment

import (
	"math"
	"testing"

	"alike/dataset"
)

// TestScaleAgreesWithResize compares with the plane by plane resize.
func TestScaleAgreesWithResize(t *testing.T) {
	const w, h, dw, dh = 37, 23, 11, 7
	img := noise(1, w, h)
	got, err := Scale(img, dw, dh)
	if err != nil || got.Width != dw || got.Height != dh {
		t.Fatalf("%d x %d, %v", got.Width, got.Height, err)
	}
	for c := range 3 {
		plane, want := make([]float32, w*h), make([]float32, dw*dh)
		for i := range plane {
			plane[i] = float32(img.Pix[3*i+c])
		}
		if err := Resize(want, dw, dh, plane, w, h, Filter{Interpolation: "bilinear", Antialias: true}); err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if d := math.Abs(float64(v) - float64(got.Pix[3*i+c])); d > 0.501 { // rounding, and float32
				t.Errorf("value %d of channel %d is %d, want %g", i, c, got.Pix[3*i+c], v)
			}
		}
	}
}

func TestScaleKeepsASolidColour(t *testing.T) {
	img := dataset.Image{Width: 5, Height: 4, Pix: make([]uint8, 60)}
	for i := range img.Pix {
		img.Pix[i] = []uint8{0, 128, 255}[i%3]
	}
	got, err := Scale(img, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Pix {
		if v != img.Pix[i%3] {
			t.Errorf("value %d is %d, want %d", i, v, img.Pix[i%3])
		}
	}
	if _, err := Scale(img, 0, 2); err == nil {
		t.Error("an image of no width is made")
	}
}
