package cli

import (
	"errors"
	"fmt"
	"image"
	"image/draw"
	"strconv"
	"strings"
)

// parseCrop reads "x,y,w,h", in pixels from the top left. No text is the
// empty rectangle.
func parseCrop(text string) (image.Rectangle, error) {
	if text == "" {
		return image.Rectangle{}, nil
	}
	fields := strings.Split(text, ",")
	if len(fields) != 4 {
		return image.Rectangle{}, errors.New("want four numbers x,y,w,h")
	}
	var n [4]int
	for i, f := range fields {
		// 31 bits: the far corner, a sum of two, cannot overflow.
		v, err := strconv.ParseUint(strings.TrimSpace(f), 10, 31)
		if err != nil {
			return image.Rectangle{}, fmt.Errorf("%q is no number of pixels; want x,y,w,h", f)
		}
		n[i] = int(v)
	}
	if n[2] == 0 || n[3] == 0 {
		return image.Rectangle{}, errors.New("width and height must be at least 1")
	}
	return image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]), nil
}

// cropped copies a part of an image, which must lie within it.
func cropped(img image.Image, part image.Rectangle) (image.Image, error) {
	b := img.Bounds()
	if at := part.Add(b.Min); at.In(b) {
		out := image.NewRGBA(image.Rect(0, 0, part.Dx(), part.Dy()))
		draw.Draw(out, out.Bounds(), img, at.Min, draw.Src)
		return out, nil
	}
	return nil, fmt.Errorf("reaches beyond the image of %d x %d pixels", b.Dx(), b.Dy())
}
