package augment

import (
	"fmt"

	"alike/dataset"
	"alike/internal/kernel/pixel"
)

// Scale resizes an image to w by h pixels, bilinear with antialias, each value
// rounded to the nearest of 8 bits. It allocates.
func Scale(img dataset.Image, w, h int) (dataset.Image, error) {
	if w < 1 || h < 1 || img.Width < 1 || img.Height < 1 {
		return dataset.Image{}, fmt.Errorf("scale %d x %d pixels to %d x %d: want at least 1 x 1", img.Width, img.Height, w, h)
	}
	var buf Scratch
	f := defaultFilter()
	f.taps(&buf.across, img.Width, w, 0, w, false)
	f.taps(&buf.down, img.Height, h, 0, h, false)
	planes := buf.resample(img, Rect{0, 0, img.Width, img.Height})
	out := dataset.Image{Width: w, Height: h, Pix: make([]uint8, 3*w*h)}
	for c, plane := range planes {
		for i, v := range plane {
			out.Pix[3*i+c] = uint8(min(max(255*v, 0), 255) + 0.5)
		}
	}
	return out, nil
}

// CropResize writes what r cuts out of img, resized to size by size pixels, bilinear
// with antialias, to dst as Pipeline.View does; nothing in it is random.
func CropResize(dst []float32, img dataset.Image, r Rect, size int, buf *Scratch) {
	f := defaultFilter()
	f.taps(&buf.across, r.W, size, 0, size, false)
	f.taps(&buf.down, r.H, size, 0, size, false)
	view := buf.resample(img, r)
	pixel.Interleave(level, dst[:3*size*size], view[0], view[1], view[2])
}
