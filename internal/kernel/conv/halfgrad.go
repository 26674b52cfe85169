package conv

import (
	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/pool"
)

// In the gradient of the weights pixels are the terms of the sum, so x is
// transposed and dy has its pixels in pairs. A pixel of dy has the place f = p
// width + q; the pixel of x that it meets at a tap of the kernel is the one at f +
// a width + b, where x has a border and width is that of x with it. Places of no
// pixel of dy are zeros. With a stride, x is taken apart into its phases, each of
// which has the taps (i, j) = (a StrideH + v, b StrideW + h) of one (v, h).
const (
	halfPlaces   = 288 // of dy that are worked on at a time, about: they stay in the level 1 cache
	halfChannels = 128 // of x, and of dy, of a part
	halfTasks    = 16
	stepPlaces   = 32 // of a block of a transposition
	stepChannels = 16 // of one
	fewTaps      = 64 // times channels
)

// WeightGradHalf is WeightGrad of x and dy in bfloat16. The result is as exact
// as the sum: float32.
func WeightGradHalf(p *pool.Pool, u cpu.BF16, lv cpu.Level, s Shape, x, dy []bf16.T, dw []float32) {
	if s.N*s.OutH*s.OutW*len(dw) == 0 {
		clear(dw)
		return
	}
	if u == cpu.BF16Float {
		f := widen(p, lv, x, dy)
		defer f.give(p)
		WeightGrad(p, lv, s, nil, f.floats[0], f.floats[1], dw)
		return
	}
	g := newHalfGrad(s, u, lv)
	parts := g.partsC * g.partsO
	sums := p.Borrow(g.slices * parts * g.size)
	defer p.Return(sums)
	p.Run(g.slices*parts, func(i int) {
		g.task(i/parts, i%parts).run(p, x, dy, sums[i*g.size:][:g.size])
	})
	p.Run(s.KH*s.KW, func(tap int) { g.join(tap, sums, dw) })
}

// halfGrad is a weight gradient cut into tasks. Shapes alone decide on it, and on
// the order of each sum: images, rows, columns.
type halfGrad struct {
	Shape
	lv             cpu.Level
	kernel         bf16.Kernel
	c, o           int // channels of a part, o in whole tiles
	partsC, partsO int
	slices         int
	size           int // of the sum of a part, [KH, KW, c, o]
	unfolded       int // rows of x where its taps are rows, in whole blocks, or 0

	images, rows   int // of dy that are worked on at a time
	phasesV        int
	phasesH        int
	width          int // of x with its border, and so of dy: even
	inner, block   int // blocks of the sum for an image
	places, xPlace int // of an image of dy, and of x with what blocks read beyond
	row            int // of the transposed x: the places of all images, in whole blocks
}

func newHalfGrad(s Shape, u cpu.BF16, lv cpu.Level) *halfGrad {
	g := &halfGrad{Shape: s, lv: lv, kernel: bf16.For(u), images: 1, rows: s.OutH}
	g.partsC, g.partsO = ceil(s.C, halfChannels), ceil(s.O, halfChannels)
	g.c = stepChannels * ceil(s.C, g.partsC*stepChannels)
	g.o = bf16.Width * ceil(s.O, g.partsO*bf16.Width)
	g.partsC, g.partsO = ceil(s.C, g.c), ceil(s.O, g.o)
	g.size = s.KH * s.KW * g.c * g.o
	if taps := s.KH * s.KW * s.C; s.C < stepChannels && taps <= fewTaps {
		g.unfolded = stepChannels * ceil(taps, stepChannels)
		g.size = g.unfolded * g.o
	}
	g.phasesV, g.phasesH = min(s.StrideH, s.KH), min(s.StrideW, s.KW)
	g.width = 2 * ceil(s.OutW+(s.KW-1)/s.StrideW, 2)
	if all := s.OutH * g.width; all > halfPlaces {
		g.rows = max(1, halfPlaces/g.width)
	} else {
		g.images = min(s.N, max(1, halfPlaces/all))
	}
	g.inner, g.block = bf16.Blocks(g.rows * g.width)
	g.places = g.inner * g.block
	g.xPlace = g.places + 2*ceil((s.KH-1)/s.StrideH*g.width+(s.KW-1)/s.StrideW, 2)
	g.row = stepPlaces * ceil(g.images*g.xPlace, stepPlaces)
	g.slices = max(1, min(halfTasks/(g.partsC*g.partsO), ceil(s.N, g.images)))
	return g
}

// halfGradTask is one slice of the batch and some channels.
type halfGradTask struct {
	*halfGrad
	from, to int // images
	c0, c    int // channels of x
	o0, o    int // channels of dy
}

func (g *halfGrad) task(slice, part int) *halfGradTask {
	c0, o0 := part/g.partsO*g.c, part%g.partsO*g.o
	return &halfGradTask{
		halfGrad: g, from: slice * g.N / g.slices, to: (slice + 1) * g.N / g.slices,
		c0: c0, c: min(g.c, g.C-c0), o0: o0, o: min(g.o, g.O-o0),
	}
}

// run computes the task's sum.
func (t *halfGradTask) run(p *pool.Pool, x, dy []bf16.T, sum []float32) {
	var (
		phases = t.phasesV * t.phasesH
		copied = bf16.Borrow(p, t.row*t.halfGrad.c)
		xs     = bf16.Borrow(p, phases*t.row*t.halfGrad.c)
		dys    = bf16.Borrow(p, t.images*t.places*t.halfGrad.o)
		groups = t.groups()
		rows   = xs // of the product
	)
	defer bf16.Return(p, copied)
	defer bf16.Return(p, xs)
	defer bf16.Return(p, dys)
	clear(copied) // zeros beyond the places, and beyond the channels, that are copied
	clear(dys)
	if t.unfolded > 0 {
		rows = bf16.Borrow(p, t.unfolded*t.row)
		defer bf16.Return(p, rows)
		clear(rows)
	}
	add := false
	for n := t.from; n < t.to; n += t.images {
		images := min(t.images, t.to-n)
		for first := 0; first < t.OutH; first += t.rows {
			height := min(t.rows, t.OutH-first)
			t.transpose(xs, copied, x, n, images, first, height)
			if t.unfolded > 0 {
				t.unfold(rows, xs)
			}
			t.pairs(dys, dy, n, images, first, height)
			q := bf16.Product{
				Outer: images, Inner: t.inner, Block: t.block,
				A: rows, ARow: t.row, AOuter: t.xPlace, CRow: t.halfGrad.o,
			}
			for o := 0; o < t.halfGrad.o; o += bf16.Width {
				q.B = dys[o*t.images*t.places:]
				t.kernel.Float(&q, sum[o:], add, groups)
			}
			add = true
		}
	}
}

// groups lists the groups of channels of x at each position of the kernel: all
// positions of some channels come one after the other.
func (t *halfGradTask) groups() (groups []bf16.Group) {
	for k := 0; k < t.unfolded; k += t.kernel.Rows {
		groups = append(groups, bf16.Group{A: k * t.row, C: k * t.halfGrad.o})
	}
	if t.unfolded > 0 {
		return groups
	}
	channels := t.halfGrad.c
	for c := 0; c < channels; c += 2 * stepChannels {
		for i := range t.KH {
			for j := range t.KW {
				for k := c; k < min(c+2*stepChannels, channels); k += t.kernel.Rows {
					groups = append(groups, bf16.Group{A: t.at(i, j, k), C: ((i*t.KW+j)*channels + k) * t.halfGrad.o})
				}
			}
		}
	}
	return groups
}

// at is where the transposed x has the channel that position (i, j) of the kernel
// meets first.
func (t *halfGradTask) at(i, j, channel int) int {
	phase := i%t.StrideH*t.phasesH + j%t.StrideW
	return (phase*t.halfGrad.c+channel)*t.row + i/t.StrideH*t.width + j/t.StrideW
}

// unfold makes rows of the channels at each position of the kernel.
func (t *halfGradTask) unfold(rows, xs []bf16.T) {
	end := (t.images-1)*t.xPlace + t.places
	for i := range t.KH {
		for j := range t.KW {
			for c := range t.C {
				copy(rows[:end], xs[t.at(i, j, c):])
				rows = rows[t.row:]
			}
		}
	}
}

// transpose brings what some rows of dy of some images need of x into the form
// [phases][c][images][places].
func (t *halfGradTask) transpose(xs, copied, x []bf16.T, n, images, first, rows int) {
	channels, image := t.halfGrad.c, t.H*t.W*t.C
	for v := range t.phasesV {
		for h := range t.phasesH {
			b := border{
				h: t.H, w: t.W, c: t.C, from: t.c0, channels: t.c, pad: channels - t.c, padded: true,
				top: first*t.StrideH + v - t.PadTop, left: h - t.PadLeft, stepH: t.StrideH, stepW: t.StrideW,
				height: rows + (t.KH-1)/t.StrideH, width: t.width,
			}
			for i := range images {
				copyBorder(&b, copied[i*t.xPlace*channels:], x[(n+i)*image:])
			}
			to := xs[(v*t.phasesH+h)*channels*t.row:]
			bf16.Transpose(t.lv, to, t.row, copied, channels, t.row, channels)
		}
	}
}

// pairs brings some rows of dy of some images into the form [o/32][images]
// [places/2][32][2]; what has no pixel is zero already, or written over with zeros.
func (t *halfGradTask) pairs(dys, dy []bf16.T, n, images, first, rows int) {
	for o := 0; o < t.o; o += bf16.Width {
		columns := min(bf16.Width, t.o-o)
		for i := range images {
			panel := dys[(o*t.images+i*bf16.Width)*t.places:][:bf16.Width*t.places]
			if rows < t.rows {
				clear(panel)
			}
			for r := range rows {
				at := (((n+i)*t.OutH+first+r)*t.OutW)*t.O + t.o0 + o
				bf16.Interleave(t.lv, panel[r*t.width*bf16.Width:], 2*bf16.Width, dy[at:], t.O, t.OutW, columns)
			}
		}
	}
}

// join adds the slices' sums in order for one position of the kernel.
func (g *halfGrad) join(tap int, sums, dw []float32) {
	slice := g.partsC * g.partsO * g.size
	for c := range g.C {
		for o := 0; o < g.O; o += g.o {
			at := (c/g.c*g.partsO+o/g.o)*g.size + (tap*g.c+c%g.c)*g.o
			if g.unfolded > 0 {
				at = o/g.o*g.size + (tap*g.C+c)*g.o
			}
			to := dw[(tap*g.C+c)*g.O+o:][:min(g.o, g.O-o)]
			copy(to, sums[at:])
			for k := 1; k < g.slices; k++ {
				eltwise.Binary(g.lv, eltwise.Add, to, to, sums[k*slice+at:][:len(to)])
			}
		}
	}
}
