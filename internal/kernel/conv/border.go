package conv

import (
	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
)

// border is a window on an image [h, w, c] that may reach beyond it: of some
// channels, height rows from top on, every stepH-th, and width columns from left
// on, every stepW-th.
type border struct {
	h, w, c        int
	from, channels int
	pad            int  // channels of zeros after those
	padded         bool // which are there already
	top, left      int
	stepH, stepW   int
	height, width  int
	lv             cpu.Level
	in             *norm.Map // of float32: what to make of the image inside, or nil
}

// copyBorder copies the window, with zeros outside the image.
func copyBorder[E float32 | bf16.T](b *border, dst, x []E) {
	row, pixel := b.width*(b.channels+b.pad), b.channels+b.pad
	first := min(max(0, ceil(-b.left, b.stepW)), b.width)      // the columns inside
	end := max(first, min(b.width, ceil(b.w-b.left, b.stepW))) // the image: [first, end)
	for r := range b.height {
		to := dst[r*row:][:row]
		h := b.top + r*b.stepH
		if h < 0 || h >= b.h || first == end {
			clear(to)
			continue
		}
		clear(to[:first*pixel])
		clear(to[end*pixel:])
		to, x := to[first*pixel:end*pixel], x[(h*b.w+b.left+first*b.stepW)*b.c+b.from:]
		if b.in != nil {
			b.normalise(any(to).([]float32), any(x).([]float32))
		} else {
			copyPixels(b, to, x)
		}
	}
}

// normalise copies the pixels of one row, normalised.
func (b *border) normalise(dst, x []float32) {
	if b.stepW > 1 || b.channels < b.c {
		copyPixels(b, dst, x)
		x = dst
	}
	b.in.Apply(b.lv, dst, x)
}

// copyPixels copies the pixels of one row.
func copyPixels[E float32 | bf16.T](b *border, dst, x []E) {
	if b.stepW == 1 && b.channels == b.c && b.pad == 0 {
		copy(dst, x)
		return
	}
	pixel, step := b.channels+b.pad, b.stepW*b.c
	if b.channels <= fewChannels {
		for len(dst) >= pixel {
			//lint:ignore S1001 a call costs more than four moves
			for k, e := range x[:b.channels] {
				dst[k] = e
			}
			if !b.padded {
				clear(dst[b.channels:pixel])
			}
			if dst = dst[pixel:]; len(dst) > 0 {
				x = x[step:]
			}
		}
		return
	}
	for i, j := 0, 0; i < len(dst); i, j = i+pixel, j+step {
		copy(dst[i:][:b.channels], x[j:])
		clear(dst[i+b.channels:][:b.pad])
	}
}

// fewChannels are copied one by one.
const fewChannels = 4
