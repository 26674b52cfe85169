package conv

// border is a window on an image [h, w, c] that may reach beyond it: of some
// channels, height rows from top on, every stepH-th, and width columns from left
// on, every stepW-th.
type border struct {
	h, w, c        int
	from, channels int
	top, left      int
	stepH, stepW   int
	height, width  int
}

// copy copies the window, with zeros outside the image.
func (b *border) copy(dst, x []float32) {
	row := b.width * b.channels
	first := min(max(0, ceil(-b.left, b.stepW)), b.width)      // the columns inside
	end := max(first, min(b.width, ceil(b.w-b.left, b.stepW))) // the image: [first, end)
	for r := range b.height {
		to := dst[r*row:][:row]
		h := b.top + r*b.stepH
		if h < 0 || h >= b.h || first == end {
			clear(to)
			continue
		}
		clear(to[:first*b.channels])
		clear(to[end*b.channels:])
		b.pixels(to[first*b.channels:end*b.channels], x[(h*b.w+b.left+first*b.stepW)*b.c+b.from:])
	}
}

// pixels copies the pixels of one row.
func (b *border) pixels(dst, x []float32) {
	if b.stepW == 1 && b.channels == b.c {
		copy(dst, x)
		return
	}
	for i, j := 0, 0; i < len(dst); i, j = i+b.channels, j+b.stepW*b.c {
		copy(dst[i:][:b.channels], x[j:])
	}
}
