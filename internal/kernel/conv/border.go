package conv

// border is a window on an image [h, w, c] that may reach beyond it: height rows
// from top on and width columns from left on, of some channels.
type border struct {
	h, w, c        int
	from, channels int
	top, left      int
	height, width  int
}

// copy copies the window, with zeros outside the image.
func (b *border) copy(dst, x []float32) {
	row := b.width * b.channels
	first := min(max(0, -b.left), b.width)      // the columns inside the image
	end := max(first, min(b.width, b.w-b.left)) // are [first, end)
	for r := range b.height {
		to := dst[r*row:][:row]
		h := b.top + r
		if h < 0 || h >= b.h || first == end {
			clear(to)
			continue
		}
		clear(to[:first*b.channels])
		clear(to[end*b.channels:])
		b.pixels(to[first*b.channels:end*b.channels], x[(h*b.w+b.left+first)*b.c+b.from:])
	}
}

// pixels copies neighbouring pixels.
func (b *border) pixels(dst, x []float32) {
	if b.channels == b.c {
		copy(dst, x)
		return
	}
	for len(dst) > 0 {
		copy(dst[:b.channels], x)
		if dst = dst[b.channels:]; len(dst) > 0 {
			x = x[b.c:]
		}
	}
}
