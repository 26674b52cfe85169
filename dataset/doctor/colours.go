package doctor

import (
	"math"

	"alike/dataset"
)

// cells is the side of a grid of colours.
const cells = 8

// colours are the mean colour differences, red less luma and blue less luma, of
// cells x cells parts of an image.
type colours [cells * cells][2]float32

func coloursOf(m dataset.Image) *colours {
	c := new(colours)
	part := func(i, n int) (from, to int) { return i * n / cells, max(i*n/cells+1, (i+1)*n/cells) }
	for cell := range c {
		top, bottom := part(cell/cells, m.Height)
		left, right := part(cell%cells, m.Width)
		var red, blue, n int64
		for y := top; y < bottom; y++ {
			for x := left; x < right; x++ {
				at := 3 * (y*m.Width + x)
				l := int64(luma(m.Pix, at))
				red, blue, n = red+int64(m.Pix[at])-l, blue+int64(m.Pix[at+2])-l, n+1
			}
		}
		c[cell] = [2]float32{float32(red) / float32(n), float32(blue) / float32(n)}
	}
	return c
}

// apart says how the colours, times gain, differ from others, of 255: cast by the
// mean over the cells, as in a photograph developed anew, and change by what is left
// of the cells without it, root mean square.
func (c *colours) apart(o *colours, gain float64, mirrored bool) (cast, change float64) {
	var sum, squares [2]float64
	for cell := range c {
		other := cell
		if mirrored {
			other = cell/cells*cells + cells - 1 - cell%cells
		}
		for k := range sum {
			d := gain*float64(c[cell][k]) - float64(o[other][k])
			sum[k] += d
			squares[k] += float64(d * d)
		}
	}
	const n = cells * cells
	mean2 := (sum[0]*sum[0] + sum[1]*sum[1]) / (n * n)
	return math.Sqrt(mean2), math.Sqrt(max(0, (squares[0]+squares[1])/n-mean2))
}

// gray says whether there are next to no colours.
func (c *colours) gray() bool {
	var none colours
	cast, change := c.apart(&none, 1, false)
	return cast < grayChroma && change < grayChroma
}
