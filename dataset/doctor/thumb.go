package doctor

import (
	"math"

	"alike/dataset"
)

// side is the side of a thumbnail, in pixels.
const side = 32

// thumbnail is the luma of an image (Rec. 601, 0 to 255), squeezed into
// side x side pixels whatever its proportions.
type thumbnail [side * side]uint8

// luma is the brightness of the pixel that begins at at.
func luma(pix []uint8, at int) uint32 {
	return (299*uint32(pix[at]) + 587*uint32(pix[at+1]) + 114*uint32(pix[at+2]) + 500) / 1000
}

// newThumbnail averages the image over areas: pixel x of a thumbnail covers
// [x, x+1) · width/side of the image's columns, with parts of pixels by their
// share. Images below side pixels are enlarged so that every pixel has the same
// area.
func newThumbnail(m dataset.Image) *thumbnail {
	columns, rows := covers(m.Width), covers(m.Height)
	wide := make([]float32, side*m.Height) // the rows of the image, squeezed
	line := make([]float32, m.Width)
	for y := range m.Height {
		for x := range line {
			line[x] = float32(luma(m.Pix, 3*(y*m.Width+x)))
		}
		for x, c := range columns {
			wide[y*side+x] = c.mean(line, 0, 1)
		}
	}
	t := new(thumbnail)
	for y, c := range rows {
		for x := range side {
			t[y*side+x] = uint8(c.mean(wide, x, side) + 0.5)
		}
	}
	return t
}

// cover is the part of a line of pixels that a thumbnail's pixel covers.
type cover struct {
	first   int
	weights []float32 // sum to 1
}

// covers divides n pixels into side covers.
func covers(n int) []cover {
	all, step := make([]cover, side), float64(n)/side
	for i := range all {
		from, to := float64(i)*step, float64(i+1)*step
		c := cover{first: int(from)}
		for j := c.first; j < n && float64(j) < to; j++ {
			share := min(to, float64(j+1)) - max(from, float64(j))
			c.weights = append(c.weights, float32(share/step))
		}
		all[i] = c
	}
	return all
}

// mean is the weighted mean of every stride-th value from at on.
func (c cover) mean(values []float32, at, stride int) (sum float32) {
	for j, w := range c.weights {
		sum += w * values[at+(c.first+j)*stride]
	}
	return sum
}

// mirrored is the thumbnail of the mirrored image.
func (t *thumbnail) mirrored() *thumbnail {
	m := new(thumbnail)
	for y := range side {
		for x := range side {
			m[y*side+x] = t[y*side+side-1-x]
		}
	}
	return m
}

// maxShift is how far verification moves thumbnails against each other, in pixels
// of a thumbnail.
const maxShift = 2

// minUnmoved is the correlation below which thumbnails are not moved: of copies
// that were, few are below.
const minUnmoved = 0.6

// correlation is Pearson's coefficient of what two thumbnails show of each other
// when one is moved by up to maxShift pixels, and that of their details, at that
// place. It climbs to the place: unmoved, then the best of the eight about it, and
// so on.
func correlation(a, b *thumbnail) (whole, detail float64) {
	dx, dy := 0, 0
	if whole = a.pearson(b, 0, 0); whole < minUnmoved {
		return whole, 0
	}
	for range maxShift {
		x, y := dx, dy
		for v := y - 1; v <= y+1; v++ {
			for u := x - 1; u <= x+1; u++ {
				if r := a.pearson(b, u, v); r > whole {
					whole, dx, dy = r, u, v
				}
			}
		}
		if x == dx && y == dy {
			break
		}
	}
	if whole < minCorrelation {
		return whole, 0
	}
	return whole, a.details().pearson(b.details(), dx, dy)
}

// pearson correlates a with b moved by dx, dy, where both have pixels: in integers,
// hence exactly.
func (t *thumbnail) pearson(b *thumbnail, dx, dy int) float64 {
	var n, sa, sb, saa, sbb, sab int64
	width := side - max(dx, -dx)
	for y := max(0, dy); y < side+min(0, dy); y++ {
		p := t[y*side+max(0, dx):][:width]
		q := b[(y-dy)*side+max(0, -dx):][:width]
		var ra, rb, raa, rbb, rab int32
		for i, v := range p {
			u, w := int32(v), int32(q[i])
			ra, rb = ra+u, rb+w
			raa, rbb, rab = raa+u*u, rbb+w*w, rab+u*w
		}
		n += int64(width)
		sa, sb, saa, sbb, sab = sa+int64(ra), sb+int64(rb), saa+int64(raa), sbb+int64(rbb), sab+int64(rab)
	}
	va, vb := n*saa-sa*sa, n*sbb-sb*sb
	if va == 0 || vb == 0 {
		return 0
	}
	return float64(n*sab-sa*sb) / math.Sqrt(float64(va)*float64(vb))
}

// details is each pixel less the mean of the 3 x 3 about it, plus 128.
func (t *thumbnail) details() *thumbnail {
	d := new(thumbnail)
	for y := range side {
		for x := range side {
			var sum, n int32
			for v := max(0, y-1); v <= min(side-1, y+1); v++ {
				for u := max(0, x-1); u <= min(side-1, x+1); u++ {
					sum += int32(t[v*side+u])
					n++
				}
			}
			d[y*side+x] = uint8(min(255, max(0, 128+(n*int32(t[y*side+x])-sum+n/2)/n)))
		}
	}
	return d
}
