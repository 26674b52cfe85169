// Package thumbnail makes small pictures of images, to be looked at.
package thumbnail

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
)

// The types that Encode writes.
const (
	PNG  = "image/png"
	JPEG = "image/jpeg"
)

// lossless is up to which side, in pixels, an image is kept as it is.
const lossless = 64

// Encode makes a picture of at most side pixels: a PNG of small images, which are kept as they are, a
// JPEG of others, scaled down if they are larger. kind is its media type.
func Encode(m image.Image, side int) (body []byte, kind string, err error) {
	var b bytes.Buffer
	size := m.Bounds().Size()
	longer := max(size.X, size.Y)
	if longer <= min(side, lossless) {
		err = png.Encode(&b, m)
		return b.Bytes(), PNG, err
	}
	if longer > side {
		small := image.NewRGBA(image.Rect(0, 0, max(1, size.X*side/longer), max(1, size.Y*side/longer)))
		draw.BiLinear.Scale(small, small.Rect, m, m.Bounds(), draw.Src, nil)
		m = small
	}
	err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 88})
	return b.Bytes(), JPEG, err
}
