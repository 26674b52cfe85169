package augment

import (
	"fmt"
	"image"
	"slices"

	"alike/dataset"
	"alike/internal/kernel/pixel"
	"alike/internal/rng"
)

// Pipeline makes views of one size. It is read-only: goroutines may share it.
type Pipeline struct {
	cut    cutter
	rest   []change
	folded []bool // which of rest are flips that the cut does
	size   int
}

// Views returns a pipeline for each of n views of an image, of size by size pixels. They
// differ where the first step makes different crops of an image. The steps of the
// configuration must not be changed afterwards.
func Views(c Config, size, n int) ([]*Pipeline, error) {
	views := make([]*Pipeline, n)
	for v := range views {
		one := slices.Clone(c)
		if len(c) > 0 {
			if several, ok := c[0].(*MultiCrop); ok {
				one[0] = several.of(v)
			}
		}
		var err error
		if views[v], err = New(one, size); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// New returns the pipeline for views of size by size pixels, where all are made alike.
func New(c Config, size int) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("augment: %w", err)
	}
	if size < 1 {
		return nil, fmt.Errorf("augment: views of %d pixels: want at least 1", size)
	}
	p := &Pipeline{cut: c[0].(cutter), size: size}
	mirrors := true
	for _, step := range c[1:] {
		next := step.(change)
		_, flips := step.(*Flip)
		mirrors = mirrors && next.mirrors()
		p.rest, p.folded = append(p.rest, next), append(p.folded, flips && mirrors)
	}
	return p, nil
}

// Scratch is working memory for views, kept from one to the next so that making them
// allocates nothing once it has grown. Its zero value is ready. Goroutines must not
// share one.
type Scratch struct {
	draws        []draw // of the cut and the rest
	across, down pixel.Taps
	weight       []float32 // of one row of the vertical pass
	mid          []float32 // the crop after the horizontal pass, plane after plane
	planes       []float32
	spare        []float32 // a plane before the step

	half   []float64 // of the blur kernel
	smooth []float32
	line   []float32 // a row with zeros on both sides
	padded []float32 // a plane with zeros above and below

	noise *rng.Stream
}

// View writes a view of img to dst, rows top to bottom, pixels interleaved:
// size*size*3 values in [0,1]. Steps draw from s in the order of the Config, each
// after the ones before it and in this order:
//
//   - crop: for each attempt what the sampler says; then y, x of the crop that fits
//   - flip, gray, solarise, sobel: whether
//   - jitter: whether; then the order, the amounts of brightness, contrast,
//     saturation and hue
//   - blur: whether; then sigma
//   - noise: whether; then sigma, a key
//   - cutout: whether; then y, x
//   - rotate: whether; then the angle
//
// "Whether" is drawn even if the probability is 0 or 1; resize draws nothing.
func (p *Pipeline) View(dst []float32, img dataset.Image, s *rng.Stream, buf *Scratch) {
	p.draw(img.Width, img.Height, s, buf)
	p.apply(dst, img, buf.draws, buf)
}

// Region is the part of an image of w by h pixels that the view of this stream is
// made of. It draws the first of what View draws: reset the stream in between.
func (p *Pipeline) Region(w, h int, s *rng.Stream) image.Rectangle {
	r := p.cut.draw(w, h, s).rect
	return image.Rect(r.X, r.Y, r.X+r.W, r.Y+r.H)
}

// draw fills buf.draws with all that is random in a view.
func (p *Pipeline) draw(w, h int, s *rng.Stream, buf *Scratch) {
	buf.draws = grow(buf.draws, 1+len(p.rest))
	buf.draws[0] = p.cut.draw(w, h, s)
	for i, step := range p.rest {
		buf.draws[1+i] = step.draw(p.size, p.size, s)
	}
}

// apply makes the view; nothing in it is random.
func (p *Pipeline) apply(dst []float32, img dataset.Image, draws []draw, buf *Scratch) {
	mirrored := false
	for i, folded := range p.folded {
		mirrored = mirrored != (folded && draws[1+i].happens)
	}
	f, r := p.cut.filter(), draws[0].rect
	f.taps(&buf.across, r.W, p.size, 0, p.size, mirrored)
	f.taps(&buf.down, r.H, p.size, 0, p.size, false)
	view := buf.resample(img, r)
	for i, step := range p.rest {
		if d := &draws[1+i]; d.happens && !p.folded[i] {
			step.apply(view, p.size, d, buf)
		}
	}
	pixel.Interleave(level, dst[:3*p.size*p.size], view[0], view[1], view[2])
}

// resample makes planes of the pixels of img within r, by the taps that buf holds: across, then
// down. It goes through the image in bands of rows, which stay in the cache in between.
func (buf *Scratch) resample(img dataset.Image, r Rect) Planes {
	w, h := len(buf.across.First), len(buf.down.First)
	buf.planes = grow(buf.planes, 3*w*h)
	planes := split(buf.planes)
	buf.weight = grow(buf.weight, buf.down.Count)
	band := func(y int) (from, to int) { // rows of img that the band of output rows from y on is made of
		return int(buf.down.First[y]), int(buf.down.First[min(y+bandRows, h)-1]) + buf.down.Count
	}
	rows := 0
	for y := 0; y < h; y += bandRows {
		from, to := band(y)
		rows = max(rows, to-from)
	}
	buf.mid = grow(buf.mid, 3*w*rows)
	mid := split(buf.mid)
	done := 0 // rows of img that went across
	for y, top := 0, 0; y < h; y += bandRows {
		from, to := band(y)
		if from < done {
			for _, plane := range mid { // what the last band has left
				copy(plane, plane[(from-top)*w:(done-top)*w])
			}
		}
		top = from
		for done = max(done, from); done < to; done++ {
			row := img.Pix[3*((r.Y+done)*img.Width+r.X):]
			i := (done - top) * w
			pixel.Across(level, mid[0][i:i+w], mid[1][i:i+w], mid[2][i:i+w], row, &buf.across)
		}
		for out := y; out < min(y+bandRows, h); out++ {
			first := rowWeights(buf.weight, &buf.down, out, 1.0/255)
			for c, plane := range planes {
				pixel.Down(level, plane[out*w:][:w], mid[c][(first-top)*w:], w, buf.weight)
			}
		}
	}
	return planes
}

// bandRows is the number of rows of a band of output.
const bandRows = 16

// split cuts x into three planes.
func split(x []float32) Planes {
	n := len(x) / 3
	return Planes{x[:n:n], x[n : 2*n : 2*n], x[2*n:]}
}
