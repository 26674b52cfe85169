package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // formats that Decode reads
	_ "image/png"
	"path"
	"slices"
	"strings"
)

// imageSuffixes are the names that are taken for images.
var imageSuffixes = []string{".jpg", ".jpeg", ".png"}

func isImageName(name string) bool {
	return slices.Contains(imageSuffixes, strings.ToLower(path.Ext(name)))
}

// isHidden says whether a file or a folder above it begins with a dot.
func isHidden(name string) bool { return name[0] == '.' || strings.Contains(name, "/.") }

// Decode decodes a JPEG or PNG. Gray values become three equal channels;
// transparent pixels are laid on white. The size is checked before anything is
// decoded, so that a small file cannot ask for a huge image.
func Decode(file []byte, maxPixels int) (Image, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(file))
	if errors.Is(err, image.ErrFormat) {
		return Image{}, errors.New("not a JPEG or PNG image")
	}
	if err != nil {
		return Image{}, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return Image{}, fmt.Errorf("%d x %d pixels: more than %d are not read", config.Width, config.Height, maxPixels)
	}
	m, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", format, err)
	}
	return FromImage(m), nil
}

// FromImage copies an image of the standard library.
func FromImage(m image.Image) Image {
	b := m.Bounds()
	flat := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(flat, flat.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Rect, m, b.Min, draw.Over)
	img := Image{b.Dx(), b.Dy(), make([]uint8, 3*b.Dx()*b.Dy())}
	for i := range b.Dx() * b.Dy() {
		copy(img.Pix[3*i:3*i+3], flat.Pix[4*i:])
	}
	return img
}

// RGBA is a copy of the image for the standard library.
func (m Image) RGBA() *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		copy(out.Pix[4*i:], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}
