package augment

import (
	"errors"
	"fmt"
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

// Still is how the fixed view of an image is made: it is resized, and its middle is cut out.
type Still struct {
	Size   int  // side of the view, pixels
	Resize int  // what the shorter side becomes, at least Size; the longer is rounded down
	Squash bool // both sides become Resize, whatever the image's shape
	Keep   bool // an image of Size x Size stays as it is
	Filter
}

// Evaluation is what evaluation shows a network of images of that size: of a square image of that size all, of others as
// EvaluationSide says.
func Evaluation(size int) Still {
	return Still{Size: size, Resize: EvaluationSide(size), Keep: true, Filter: defaultFilter()}
}

// Validate checks all fields.
func (s Still) Validate() error {
	err := s.Filter.Validate()
	if s.Size < 1 {
		err = errors.Join(err, fmt.Errorf("size %d: must be at least 1", s.Size))
	}
	if s.Resize < s.Size {
		err = errors.Join(err, fmt.Errorf("resize %d: must be at least the size, %d", s.Resize, s.Size))
	}
	return err
}

// Evaluate writes the fixed view of img that evaluation uses to dst, size*size*3
// values as in Pipeline.View. A square image of that size is copied as it is, its
// bytes divided by 255. Any other is resized, bilinear with antialias, and its middle
// cut out: the shorter side becomes EvaluationSide pixels, the longer side is rounded down. Evaluate allocates if it resizes.
func Evaluate(dst []float32, img dataset.Image, size int) { Evaluation(size).View(dst, img) }

// View writes the view of img to dst, Size*Size*3 values in [0, 1] as in Pipeline.View; bicubic
// interpolation may overshoot, and is clipped.
func (s Still) View(dst []float32, img dataset.Image) {
	if s.Keep && img.Width == s.Size && img.Height == s.Size {
		for i, v := range img.Pix[:3*s.Size*s.Size] {
			dst[i] = float32(v) / 255
		}
		return
	}
	w, h := s.Resize, s.Resize
	switch {
	case s.Squash:
	case img.Width > img.Height:
		w = img.Width * s.Resize / img.Height
	default:
		h = img.Height * s.Resize / img.Width
	}
	var buf Scratch
	s.taps(&buf.across, img.Width, w, (w-s.Size)/2, s.Size, false)
	s.taps(&buf.down, img.Height, h, (h-s.Size)/2, s.Size, false)
	view := buf.resample(img, Rect{0, 0, img.Width, img.Height})
	pixel.Interleave(level, dst[:3*s.Size*s.Size], view[0], view[1], view[2]) // which clips
}
