package augment

import (
	"math"

	"alike/dataset"
	"alike/internal/kernel/pixel"
)

// evaluationShare is the share of the shorter side that the central crop of an
// ImageNet view keeps: 224 of 256 pixels.
const evaluationShare = 0.875

// EvaluationSide is the length in pixels that Evaluate gives an image's shorter side before it cuts
// out the middle of size pixels: size up to SmallSide (the recipe for CIFAR-10), and
// round(size/0.875) above it (for ImageNet: 256 for 224).
func EvaluationSide(size int) int {
	if size > SmallSide {
		return int(math.Round(float64(size) / evaluationShare))
	}
	return size
}

// Evaluate writes the fixed view of img that evaluation uses to dst, size*size*3
// values as in Pipeline.View. A square image of that size is copied as it is, its
// bytes divided by 255. Any other is resized, bilinear with antialias, and its middle
// cut out: the shorter side becomes EvaluationSide pixels, the longer side is rounded down. Evaluate allocates if it resizes.
func Evaluate(dst []float32, img dataset.Image, size int) {
	if img.Width == size && img.Height == size {
		for i, v := range img.Pix[:3*size*size] {
			dst[i] = float32(v) / 255
		}
		return
	}
	shorter := EvaluationSide(size)
	w, h := shorter, shorter
	if img.Width > img.Height {
		w = img.Width * shorter / img.Height
	} else {
		h = img.Height * shorter / img.Width
	}
	var buf Scratch
	f := Filter{Interpolation: "bilinear", Antialias: true}
	f.taps(&buf.across, img.Width, w, (w-size)/2, size, false)
	f.taps(&buf.down, img.Height, h, (h-size)/2, size, false)
	view := buf.resample(img, Rect{0, 0, img.Width, img.Height})
	pixel.Interleave(level, dst[:3*size*size], view[0], view[1], view[2])
}
