package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
	"alike/internal/kernel/winograd"
)

// The kernel is cut into parts, of some input and output channels, whose sums
// stay near. If that gives few tasks, the batch is cut into slices with sums of
// their own, which are joined in order.
const (
	partFloats  = 160 << 10 // of the sum of a part
	partC       = 64        // input channels of a part, if there are more, at least
	slicePixels = 512       // of dy: what it takes to be worth a sum of its own
	gradTasks   = 32
)

// WeightGrad computes dw, the gradient with respect to w, from x and dy. If in is not
// nil, it is that for in's normalisation of x.
func WeightGrad(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, dy, dw []float32) {
	if s.N*s.OutH*s.OutW*len(dw) == 0 {
		clear(dw)
		return
	}
	if s.fewer() {
		winograd.WeightGrad(p, lv, s.winograd(), in, x, dy, dw)
		return
	}
	g := newWeightGrad(s, lv)
	if in != nil {
		g.in, g.direct = in, false
	}
	parts := g.partsC * g.partsO
	sums := p.Borrow(g.slices * parts * g.size)
	defer p.Return(sums)
	p.Run(g.slices*parts, func(i int) {
		t := g.task(i/parts, i%parts)
		t.run(p, x, dy, sums[i*g.size:][:g.size])
	})
	p.Run(s.KH*s.KW, func(tap int) { g.join(tap, sums, dw) })
}

// weightGrad is a weight gradient cut into tasks. Shapes alone decide on it, and
// on the order of each sum: images, rows, columns.
type weightGrad struct {
	Shape
	lv             cpu.Level
	in             *norm.Map // what to make of x, or nil
	kernel         tile.Kernel
	c, o           int // channels of a part
	partsC, partsO int
	slices         int
	width          int // o, rounded up to whole tiles
	size           int // of the sum of a part, [KH, KW, c, width]
	images, rows   int // of dy that are worked on at a time

	direct       bool // x is used where it lies, not copied with its border
	stepH, stepW int  // only every such row and column of x is copied
	columns      int  // of x for a row of dy, in steps
}

func newWeightGrad(s Shape, lv cpu.Level) *weightGrad {
	g := &weightGrad{Shape: s, lv: lv, kernel: tile.For(lv, s.O), stepH: 1, stepW: 1}
	g.cut()
	if s.KH == 1 {
		g.stepH = s.StrideH
	}
	if s.KW == 1 {
		g.stepW = s.StrideW
	}
	g.columns = span(s.OutW, s.KW, s.StrideW, g.stepW)
	g.images, g.rows = 1, s.OutH
	if floats := g.xRows(s.OutH)*g.columns*g.c + s.OutH*s.OutW*g.o; floats > 2*imageFloats {
		g.rows = max(1, s.OutH*imageFloats/floats)
	} else {
		g.images = max(1, imageFloats/floats)
	}
	g.direct = g.C%g.kernel.Rows == 0 && s.StrideH*s.StrideW == 1 && s.PadTop == 0 && s.PadLeft == 0 &&
		g.xRows(s.OutH) <= s.H && g.columns <= s.W
	return g
}

// cut decides on the parts and slices.
func (g *weightGrad) cut() {
	g.c, g.o = g.C, g.O
	g.slices = max(1, min(gradTasks, g.N, g.N*g.OutH*g.OutW/slicePixels))
	if parts := min(max(ceil(g.KH*g.KW*g.C*g.O, partFloats), minTasks/g.slices), ceil(g.C, partC)); parts > 1 {
		g.c = 4 * ceil(g.C, 4*parts) // whole groups
	}
	if parts := ceil(g.KH*g.KW*g.c*g.O, partFloats); parts > 1 {
		g.o = 32 * ceil(g.O, 32*parts) // whole tiles
	}
	g.partsC, g.partsO = ceil(g.C, g.c), ceil(g.O, g.o)
	g.slices = max(1, min(gradTasks/(g.partsC*g.partsO), g.slices))
	g.width = g.kernel.Width * ceil(g.o, g.kernel.Width)
	g.size = g.KH * g.KW * g.c * g.width
}

// xRows is the number of rows of x, in steps, for some rows of dy.
func (g *weightGrad) xRows(rows int) int { return span(rows, g.KH, g.StrideH, g.stepH) }

// span is the number of positions, in steps, from the first to the last that n
// neighbouring outputs use.
func span(n, kernel, stride, step int) int { return ((n-1)*stride+kernel-1)/step + 1 }

// gradTask is one slice of the batch and some channels.
type gradTask struct {
	*weightGrad
	from, to int // images
	c0, c    int // input channels
	o0, o    int // output channels
	in       *norm.Map
}

func (g *weightGrad) task(slice, part int) *gradTask {
	c0, o0 := part/g.partsO*g.c, part%g.partsO*g.o
	t := &gradTask{
		weightGrad: g, from: slice * g.N / g.slices, to: (slice + 1) * g.N / g.slices,
		c0: c0, c: min(g.c, g.C-c0), o0: o0, o: min(g.o, g.O-o0),
	}
	if g.in != nil {
		t.in = g.in.Channels(c0, t.c)
	}
	return t
}

// run computes the task's sum.
func (t *gradTask) run(p *pool.Pool, x, dy, sum []float32) {
	var xs, dys []float32
	if !t.direct {
		xs = p.Borrow(t.images*t.xRows(t.rows)*t.columns*t.c + t.kernel.Rows)
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
			q.A, q.AStep = t.input(xs, x, n, images, row, rows)
			b, step := t.gradient(dys, dy, n, images, row, rows)
			q.BStep = step
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
	pixel, row := t.c, t.columns*t.c
	if t.direct {
		pixel, row = t.C, t.W*t.C
	}
	for i := range t.KH {
		for j := range t.KW {
			for c := 0; c < t.c; c += t.kernel.Rows {
				g := tile.Group{A: i*row + j*pixel + c, C: ((i*t.KW+j)*t.c + c) * t.width}
				if c+t.kernel.Rows <= t.c {
					whole = append(whole, g)
				} else {
					rest = append(rest, g)
				}
			}
		}
	}
	return whole, rest
}

// input is what some rows of dy of some images need of x, and the distances of
// images, of rows of dy and of its pixels in it; it is copied to xs with its
// border, unless it can be used where it lies.
func (t *gradTask) input(xs, x []float32, n, images, row, rows int) ([]float32, [3]int) {
	image := t.H * t.W * t.C
	if t.direct {
		return x[n*image+row*t.W*t.C+t.c0:], [3]int{image, t.W * t.C, t.C}
	}
	b := border{
		h: t.H, w: t.W, c: t.C, from: t.c0, channels: t.c,
		top: row*t.StrideH - t.PadTop, left: -t.PadLeft, stepH: t.stepH, stepW: t.stepW,
		height: t.xRows(rows), width: t.columns, lv: t.lv, in: t.in,
	}
	size := b.height * b.width * t.c
	for i := range images {
		copyBorder(&b, xs[i*size:], x[(n+i)*image:])
	}
	return xs, [3]int{size, t.StrideH / t.stepH * b.width * t.c, t.StrideW / t.stepW * t.c}
}

// gradient is some rows of dy of some images, and its distances; it is copied
// to dys if its channels are no whole tiles.
func (t *gradTask) gradient(dys, dy []float32, n, images, row, rows int) ([]float32, [3]int) {
	image := t.OutH * t.OutW * t.O
	dy = dy[n*image+row*t.OutW*t.O+t.o0:]
	if dys == nil {
		return dy, [3]int{image, t.OutW * t.O, t.O}
	}
	size := rows * t.OutW * t.width
	for i := range images {
		tile.Pack(dys[i*size:], t.width, dy[i*image:], rows*t.OutW, t.O, t.o, 1)
	}
	return dys, [3]int{size, t.OutW * t.width, t.width}
}

// join adds the slices' sums in order for one position of the kernel.
func (g *weightGrad) join(tap int, sums, dw []float32) {
	slice := g.partsC * g.partsO * g.size
	for c := range g.C {
		for o := 0; o < g.O; o += g.o {
			at := (c/g.c*g.partsO+o/g.o)*g.size + (tap*min(g.c, g.C-c/g.c*g.c)+c%g.c)*g.width
			to := dw[(tap*g.C+c)*g.O+o:][:min(g.o, g.O-o)]
			copy(to, sums[at:])
			for k := 1; k < g.slices; k++ {
				eltwise.Binary(g.lv, eltwise.Add, to, to, sums[k*slice+at:][:len(to)])
			}
		}
	}
}
