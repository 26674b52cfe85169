package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// The kernel is cut into parts of so many input and output channels, whose sums
// stay in a level 2 cache. If that gives few tasks, the batch is cut into slices
// with sums of their own, which are joined in order.
const (
	partC     = 64
	partO     = 128
	gradTasks = 32
)

// WeightGrad computes dw, the gradient with respect to w, from x and dy.
func WeightGrad(p *pool.Pool, lv cpu.Level, s Shape, x, dy, dw []float32) {
	if s.N*s.OutH*s.OutW*len(dw) == 0 {
		clear(dw)
		return
	}
	g := newWeightGrad(s, tile.For(lv, min(s.O, partO)))
	sums := p.Borrow(g.slices * g.parts() * g.size)
	defer p.Return(sums)
	p.Run(g.slices*g.parts(), func(i int) { g.task(i).run(p, x, dy, sums[i*g.size:][:g.size]) })
	p.Run(s.KH*s.KW, func(tap int) { g.join(tap, sums, dw) })
}

// weightGrad is a weight gradient cut into tasks. Shapes alone decide on it, and
// on the order of each sum: images, rows, columns.
type weightGrad struct {
	Shape
	kernel         tile.Kernel
	c, o           int // channels of a part
	partsC, partsO int
	slices         int
	width          int // o, rounded up to whole tiles
	size           int // of the sum of a part, [KH, KW, c, width]
	images, rows   int // of x and dy that are worked on at a time
	direct         bool
}

func newWeightGrad(s Shape, kernel tile.Kernel) *weightGrad {
	g := &weightGrad{Shape: s, kernel: kernel, partsC: ceil(s.C, partC), partsO: ceil(s.O, partO)}
	g.c, g.o = ceil(s.C, g.partsC), ceil(s.O, g.partsO)
	if g.partsC > 1 {
		g.c = 4 * ceil(g.c, 4)
	}
	if g.partsO > 1 {
		g.o = 32 * ceil(g.o, 32)
	}
	g.width = kernel.Width * ceil(g.o, kernel.Width)
	g.size = s.KH * s.KW * g.c * g.width
	g.slices = max(1, min(gradTasks/g.parts(), s.N))
	image := g.height(s.OutH)*g.pixels()*g.c + s.OutH*s.OutW*g.o
	g.images, g.rows = max(1, min(imageFloats/image, s.N)), s.OutH
	if image > 2*imageFloats {
		g.rows = max(1, s.OutH*imageFloats/image)
	}
	g.direct = s.C%4 == 0 && s.PadTop >= 0 && s.PadLeft >= 0 && s.PadTop+s.PadLeft == 0 && g.height(s.OutH) <= s.H && g.pixels() <= s.W
	return g
}

func (g *weightGrad) parts() int { return g.partsC * g.partsO }

// height and pixels are the size of what rows of dy need of x.
func (g *weightGrad) height(rows int) int { return (rows-1)*g.StrideH + g.KH }
func (g *weightGrad) pixels() int         { return (g.OutW-1)*g.StrideW + g.KW }

// gradTask is one slice of the batch and some channels.
type gradTask struct {
	*weightGrad
	from, to int // images
	c0, c    int // input channels
	o0, o    int // output channels
}

func (g *weightGrad) task(i int) *gradTask {
	slice, c, o := i/g.parts(), i/g.partsO%g.partsC, i%g.partsO
	return &gradTask{
		weightGrad: g,
		from:       slice * g.N / g.slices, to: (slice + 1) * g.N / g.slices,
		c0: c * g.c, c: min(g.c, g.C-c*g.c),
		o0: o * g.o, o: min(g.o, g.O-o*g.o),
	}
}

// run computes the task's sum.
func (t *gradTask) run(p *pool.Pool, x, dy, sum []float32) {
	var xs, dys []float32
	if !t.direct {
		xs = p.Borrow(t.images*t.height(t.rows)*t.pixels()*t.c + 3)
		defer p.Return(xs)
	}
	if t.o%t.kernel.Width != 0 {
		dys = p.Borrow(t.images * t.rows * t.OutW * t.width)
		defer p.Return(dys)
	}
	whole, rest := t.groups()
	q := tile.Product{ARow: 1, C: sum, CRow: t.width}
	for n := t.from; n < t.to; n += t.images {
		images := min(t.images, t.to-n)
		for row := 0; row < t.OutH; row += t.rows {
			rows := min(t.rows, t.OutH-row)
			q.Loops = [3]int{images, rows, t.OutW}
			q.A, q.AStep = t.source(xs, x, n, images, row, rows)
			b, bStep := t.result(dys, dy, n, images, row, rows)
			q.BStep = bStep
			for o := 0; o < t.o; o += t.kernel.Width {
				q.B, q.C = b[o:], sum[o:]
				t.kernel.Do(&q, whole, t.kernel.Rows, t.kernel.Width)
				t.kernel.Do(&q, rest, t.c%t.kernel.Rows, t.kernel.Width)
			}
			q.Add = true
		}
	}
}

// groups lists the groups of input channels at each position of the kernel.
func (t *gradTask) groups() (whole, rest []tile.Group) {
	pixel, row := t.c, t.pixels()*t.c
	if t.direct {
		pixel, row = t.C, t.W*t.C
	}
	for tap := range t.KH * t.KW {
		for c := 0; c < t.c; c += t.kernel.Rows {
			g := tile.Group{A: tap/t.KW*row + tap%t.KW*pixel + c, C: (tap*t.weightGrad.c + c) * t.width}
			if c+t.kernel.Rows <= t.c {
				whole = append(whole, g)
			} else {
				rest = append(rest, g)
			}
		}
	}
	return whole, rest
}

// source is what some rows of dy of some images need of x, and the distances
// of images, of rows of dy and of its pixels in it; it is copied to xs with its
// border, unless it can be used directly.
func (t *gradTask) source(xs, x []float32, n, images, row, rows int) ([]float32, [3]int) {
	if t.direct {
		from := x[(n*t.H+row*t.StrideH)*t.W*t.C+t.c0:]
		return from, [3]int{t.H * t.W * t.C, t.StrideH * t.W * t.C, t.StrideW * t.C}
	}
	height, width := t.height(rows), t.pixels()
	b := border{h: t.H, w: t.W, c: t.C, from: t.c0, channels: t.c, top: row*t.StrideH - t.PadTop, left: -t.PadLeft, height: height, width: width}
	for i := range images {
		b.copy(xs[i*height*width*t.c:], x[(n+i)*t.H*t.W*t.C:])
	}
	return xs, [3]int{height * width * t.c, t.StrideH * width * t.c, t.StrideW * t.c}
}

// result is some rows of dy of some images and its distances; it is copied to
// dys if its channels have to be rounded up.
func (t *gradTask) result(dys, dy []float32, n, images, row, rows int) ([]float32, [3]int) {
	image := t.OutH * t.OutW * t.O
	dy = dy[n*image+row*t.OutW*t.O+t.o0:]
	if dys == nil {
		return dy, [3]int{image, t.OutW * t.O, t.O}
	}
	for i := range images {
		to := dys[i*rows*t.OutW*t.width:][:rows*t.OutW*t.width]
		tile.Pack(to, t.width, dy[i*image:], rows*t.OutW, t.O, t.o, 1)
	}
	return dys, [3]int{rows * t.OutW * t.width, t.OutW * t.width, t.width}
}

// join adds the slices' sums in order for one position of the kernel.
func (g *weightGrad) join(tap int, sums, dw []float32) {
	for c := range g.C {
		for o := 0; o < g.O; o += g.o {
			part := c/g.c*g.partsO + o/g.o
			at := part*g.size + (tap*g.c+c%g.c)*g.width
			to := dw[(tap*g.C+c)*g.O+o:][:min(g.o, g.O-o)]
			copy(to, sums[at:])
			for k := 1; k < g.slices; k++ {
				for j, v := range sums[k*g.parts()*g.size+at:][:len(to)] {
					to[j] += v
				}
			}
		}
	}
}
