package thumbnail

import (
	"bytes"
	"image"
	"image/color"
	"testing"
)

func TestEncode(t *testing.T) {
	for _, tc := range []struct {
		name             string
		w, h, side       int
		kind             string
		wantedW, wantedH int
	}{
		{"a small image stays as it is", 20, 30, 128, PNG, 20, 30},
		{"one of the largest such", 64, 64, 64, PNG, 64, 64},
		{"a larger one is a JPEG", 100, 65, 128, JPEG, 100, 65},
		{"a large one is scaled down", 300, 40, 128, JPEG, 128, 17},
		{"upright", 30, 600, 512, JPEG, 25, 512},
		{"a line keeps a pixel", 1000, 1, 64, JPEG, 64, 1},
	} {
		m := image.NewRGBA(image.Rect(0, 0, tc.w, tc.h))
		for i := range min(tc.w, tc.h) {
			m.SetRGBA(i, i, color.RGBA{uint8(7 * i), 10, 200, 255})
		}
		body, kind, err := Encode(m, tc.side)
		if err != nil || kind != tc.kind {
			t.Errorf("%s: %s, %v", tc.name, kind, err)
			continue
		}
		got, _, err := image.Decode(bytes.NewReader(body))
		if err != nil || got.Bounds() != image.Rect(0, 0, tc.wantedW, tc.wantedH) {
			t.Errorf("%s: %v, %v", tc.name, got.Bounds(), err)
		}
		if kind == PNG && color.NRGBAModel.Convert(got.At(9, 9)) != (color.NRGBA{63, 10, 200, 255}) {
			t.Errorf("%s: a pixel is %v", tc.name, got.At(9, 9))
		}
	}
}
