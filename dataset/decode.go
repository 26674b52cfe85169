package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif" // formats that Decode reads
	_ "image/jpeg"
	_ "image/png"
	"path"
	"slices"
	"strings"
	"sync"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"alike/internal/jpeg"
)

// imageSuffixes are the names that are taken for images in folders and archives.
var imageSuffixes = []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

func isImageName(name string) bool {
	return slices.Contains(imageSuffixes, strings.ToLower(path.Ext(name)))
}

// isHidden says whether a file or a folder above it begins with a dot.
func isHidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".." {
			return true
		}
	}
	return false
}

// decoders are for the common kind of JPEG; image/jpeg reads the others.
var decoders = sync.Pool{New: func() any { return new(jpeg.Decoder) }}

// Decode decodes a JPEG, PNG, WebP, GIF, BMP or TIFF, whatever its name says,
// into upright 8-bit RGB:
//
//   - gray values become three equal channels, CMYK and palettes their colours;
//   - transparent pixels are laid on white, in proportion to their alpha;
//   - of 16 bits the higher 8 are kept;
//   - of an animated GIF the first frame is read, on a white canvas;
//   - EXIF's orientation (TIFF's own in a TIFF) turns and mirrors the image.
//
// The size is checked before anything is decoded, so that a small file cannot
// ask for a huge image. Colour profiles are not applied.
func Decode(file []byte, maxPixels int) (Image, error) {
	img, _, err := decode(file, maxPixels)
	return img, err
}

// decode also returns the type of the file, e.g. "jpeg".
func decode(file []byte, maxPixels int) (Image, string, error) {
	config, kind, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case len(file) == 0:
		return Image{}, "", errors.New("the file is empty; copy or download it again")
	case errors.Is(err, image.ErrFormat):
		return Image{}, "", fmt.Errorf("not an image: it begins with %q, want a JPEG, PNG, WebP, GIF, BMP or TIFF", file[:min(8, len(file))])
	case err != nil:
		return Image{}, kind, broken(kind, err)
	case config.Width < 1 || config.Height < 1:
		return Image{}, kind, fmt.Errorf("it has %d x %d pixels, want at least one", config.Width, config.Height)
	case config.Width > maxPixels/config.Height:
		return Image{}, kind, &PixelsError{config.Width, config.Height, maxPixels}
	}
	if kind == "jpeg" {
		d := decoders.Get().(*jpeg.Decoder)
		defer decoders.Put(d)
		if pix, w, h, err := d.Decode(nil, file, nil); err == nil {
			return upright(Image{w, h, pix}, orientation(file, kind)), kind, nil
		}
	}
	m, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return Image{}, kind, broken(kind, err)
	}
	canvas := m.Bounds()
	if kind == "gif" { // the frame may be a part of it
		canvas = image.Rect(0, 0, config.Width, config.Height)
	}
	return upright(flatten(m, canvas), orientation(file, kind)), kind, nil
}

// PixelsError is the error of Decode for an image that is too large.
type PixelsError struct{ Width, Height, Most int }

func (e *PixelsError) Error() string {
	return fmt.Sprintf("it has %d x %d pixels, want at most %d; scale it down", e.Width, e.Height, e.Most)
}

func broken(kind string, err error) error {
	return fmt.Errorf("its %s data is damaged, cut short or of an unknown kind (%w); copy it again or save it anew", kind, err)
}

// FromImage copies an image of the standard library.
func FromImage(m image.Image) Image { return flatten(m, m.Bounds()) }

// flatten lays what is within the canvas on white.
func flatten(m image.Image, canvas image.Rectangle) Image {
	flat := image.NewRGBA(image.Rect(0, 0, canvas.Dx(), canvas.Dy()))
	draw.Draw(flat, flat.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, m.Bounds().Sub(canvas.Min), m, m.Bounds().Min, draw.Over)
	img := Image{canvas.Dx(), canvas.Dy(), make([]uint8, 3*canvas.Dx()*canvas.Dy())}
	for i := range img.Width * img.Height {
		copy(img.Pix[3*i:3*i+3], flat.Pix[4*i:])
	}
	return img
}

// crop copies the part of the image that lies within the box.
func (m Image) crop(box image.Rectangle) (Image, error) {
	r := box.Intersect(image.Rect(0, 0, m.Width, m.Height))
	if r.Empty() {
		return Image{}, fmt.Errorf("its box %v lies outside its %d x %d pixels; want x, y, width, height within them", box, m.Width, m.Height)
	}
	out := Image{r.Dx(), r.Dy(), make([]uint8, 0, 3*r.Dx()*r.Dy())}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out.Pix = append(out.Pix, m.Pix[3*(y*m.Width+r.Min.X):3*(y*m.Width+r.Max.X)]...)
	}
	return out, nil
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
