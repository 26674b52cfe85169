package conv

import (
	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// ForwardHalf is Forward in bfloat16, its sums in float32.
func ForwardHalf(p *pool.Pool, u cpu.BF16, lv cpu.Level, s Shape, x, w, y []bf16.T) {
	if u == cpu.BF16Float {
		f := widen(p, lv, x, w)
		defer f.give(p)
		y32 := f.borrow(p, len(y))
		Forward(p, lv, s, nil, f.floats[0], f.floats[1], y32)
		convert(p, y, y32, func(to []bf16.T, from []float32) { bf16.Narrow(lv, to, from) })
		return
	}
	g := &sweep{
		n: s.N, h: s.H, w: s.W, c: s.C, outH: s.OutH, outW: s.OutW, o: s.O,
		phases: []phase{{
			v: axis{from: -s.PadTop, step: s.StrideH, taps: s.KH, count: s.OutH, stride: 1, nextTap: 1},
			h: axis{from: -s.PadLeft, step: s.StrideW, taps: s.KW, count: s.OutW, stride: 1, nextTap: 1},
		}},
		kw: s.KW, row: s.O, column: 1,
	}
	newHalf(g, u, lv).run(p, x, w, nil, y)
}

// InputGradHalf is InputGrad in bfloat16, its sums in float32. It adds plus [N, H, W,
// C], another gradient of x, unless that is nil; dx must not be plus.
func InputGradHalf(p *pool.Pool, u cpu.BF16, lv cpu.Level, s Shape, dy, w, plus, dx []bf16.T) {
	if u == cpu.BF16Float {
		f := widen(p, lv, dy, w)
		defer f.give(p)
		dx32 := f.borrow(p, len(dx))
		var sum []float32
		if plus != nil {
			sum = dx32
			convert(p, sum, plus, func(to []float32, from []bf16.T) { bf16.Widen(lv, to, from) })
		}
		InputGrad(p, lv, s, f.floats[0], f.floats[1], sum, dx32)
		convert(p, dx, dx32, func(to []bf16.T, from []float32) { bf16.Narrow(lv, to, from) })
		return
	}
	g := &sweep{
		n: s.N, h: s.OutH, w: s.OutW, c: s.O, outH: s.H, outW: s.W, o: s.C,
		phases: s.inputPhases(), kw: s.KW, row: 1, column: s.O,
	}
	newHalf(g, u, lv).run(p, dy, w, plus, dx)
}

// tileElements are what 16 images of 8x8x256 take, so that they fill the rows of a
// tile; CPUs with AMX have the level 2 cache for it.
const tileElements = 448 << 10

// wide is operands in float32, for CPUs that multiply nothing else.
type wide struct{ floats [][]float32 }

func widen(p *pool.Pool, lv cpu.Level, operands ...[]bf16.T) *wide {
	f := &wide{}
	for _, x := range operands {
		convert(p, f.borrow(p, len(x)), x, func(to []float32, from []bf16.T) { bf16.Widen(lv, to, from) })
	}
	return f
}

func (f *wide) borrow(p *pool.Pool, n int) []float32 {
	f.floats = append(f.floats, p.Borrow(n))
	return f.floats[len(f.floats)-1]
}

func (f *wide) give(p *pool.Pool) {
	for _, x := range f.floats {
		p.Return(x)
	}
}

// convert has the workers do f for pieces of x and what becomes of them.
func convert[A, B any](p *pool.Pool, to []A, x []B, f func(to []A, from []B)) {
	const piece = 1 << 14
	p.Run(ceil(len(x), piece), func(i int) {
		end := min(len(x), (i+1)*piece)
		f(to[i*piece:end], x[i*piece:end])
	})
}

// half is a sweep of bfloat16. The channels of its plan are those of x and zeros
// behind them, where blocks of a sum would not fit those of x alone.
type half struct {
	*plan
	lv       cpu.Level
	kernel   bf16.Kernel
	channels int // of x
}

func newHalf(g *sweep, u cpu.BF16, lv cpu.Level) *half {
	t := &half{lv: lv, kernel: bf16.For(u), channels: g.c}
	for !g.fitsBlocks() {
		g.c++
	}
	if g.n*g.outH*g.outW*g.o == 0 {
		return t
	}
	budget := 2 * imageFloats
	if u == cpu.BF16Tile {
		budget = tileElements
	}
	t.plan = newPlan(g, tile.Kernel{Groups: t.kernel.Groups, Rows: t.kernel.Rows, Width: t.kernel.Width}, budget)
	if t.direct && t.channels != g.c { // x has no zeros behind its channels
		t.direct, t.imageStep, t.rowStep = false, t.height*t.width*t.c, t.width*t.c
		t.lists = t.list(t.images, 0)
	}
	return t
}

// fitsBlocks says whether blocks of a sum end where the rows of the kernel do, and
// pairs where the channels do.
func (g *sweep) fitsBlocks() bool {
	if g.c%2 > 0 {
		return false
	}
	for _, ph := range g.phases {
		run := ph.h.taps * g.c
		if inner, length := bf16.Blocks(run); run > 0 && inner*length != run {
			return false
		}
	}
	return true
}

// run computes y, plus what is given, on the workers of p.
func (t *half) run(p *pool.Pool, x, w, plus, y []bf16.T) {
	if t.plan == nil {
		return
	}
	memory := bf16.Borrow(p, t.packedFloats())
	defer bf16.Return(p, memory)
	packed := t.pack(p, memory, w)
	p.Run(t.groups*t.bands*t.parts, func(i int) {
		part, band, group := i%t.parts, i/t.parts%t.bands, i/t.parts/t.bands
		k := halfTask{
			half: t, packed: packed,
			image: group * t.images, row: band * t.rows,
			panel: part * t.columns, end: min(t.panels, (part+1)*t.columns),
		}
		k.run(p, x, plus, y)
	})
}

// pack copies the weights of each phase as [panels][taps c/2][width][2], zeros
// beyond column o and channel channels.
func (t *half) pack(p *pool.Pool, memory, w []bf16.T) (packed [][]bf16.T) {
	for _, ph := range t.phases {
		n := ph.v.taps * ph.h.taps * t.c * bf16.Width * t.panels
		packed = append(packed, memory[:n])
		memory = memory[n:]
	}
	p.Run(len(t.phases)*t.panels, func(i int) {
		ph, first := t.phases[i/t.panels], i%t.panels*bf16.Width
		size := ph.v.taps * ph.h.taps * t.c * bf16.Width
		dst := packed[i/t.panels][i%t.panels*size:][:size]
		columns := min(bf16.Width, t.o-first)
		for v := range ph.v.taps {
			for h := range ph.h.taps {
				at := (ph.v.tap+v*ph.v.nextTap)*t.kw + ph.h.tap + h*ph.h.nextTap
				t.packTap(dst[:t.c*bf16.Width], w[at*t.channels*t.o+first*t.column:], columns)
				dst = dst[t.c*bf16.Width:]
			}
		}
	})
	return packed
}

// packTap packs one position of the kernel; w begins with its first column.
func (t *half) packTap(dst, w []bf16.T, columns int) {
	const pair = 2 * bf16.Width // elements of two rows
	if columns < bf16.Width || t.channels < t.c {
		clear(dst)
	}
	if t.row == 1 { // pairs are neighbours in w
		bf16.TransposePairs(t.lv, dst, pair, w, t.column, columns, t.channels/2)
		if last := t.channels - 1; t.channels%2 > 0 {
			for j := range columns {
				dst[last*bf16.Width+2*j] = w[j*t.column+last]
			}
		}
		return
	}
	bf16.Interleave(t.lv, dst, pair, w, t.row, t.channels, columns)
}

// halfTask is one piece of a plan.
type halfTask struct {
	*half
	packed     [][]bf16.T // weights of each phase
	image, row int        // the first ones
	panel, end int        // panels of columns of y
}

func (k *halfTask) run(p *pool.Pool, x, plus, y []bf16.T) {
	images := min(k.images, k.n-k.image)
	lists := k.lists
	if images < k.images || k.row > 0 && k.row+k.rows >= k.count {
		lists = k.list(images, k.row)
	}
	x = x[k.image*k.h*k.w*k.channels:]
	first := k.image * k.outH * k.outW * k.o
	y = y[first:]
	if plus != nil {
		plus = plus[first:]
	}
	if k.hollow {
		last := min(k.outH, (k.row+k.rows)*k.strideH)
		from, to := k.row*k.strideH*k.outW*k.o, ((images-1)*k.outH+last)*k.outW*k.o
		if plus == nil {
			clear(y[from:to])
		} else {
			copy(y[from:to], plus[from:to])
		}
	}
	top, left := 0, 0 // the position in the image of what x begins with
	if !k.direct {
		top, left = k.top+k.row*k.stepH, k.left
		copied := bf16.Borrow(p, images*k.imageStep+k.beyond(lists))
		defer bf16.Return(p, copied)
		b := border{
			h: k.h, w: k.w, c: k.channels, channels: k.channels, pad: k.c - k.channels,
			top: top, left: left, stepH: 1, stepW: 1, height: k.height, width: k.width,
		}
		for i := range images {
			copyBorder(&b, copied[i*k.imageStep:], x[i*k.h*k.w*k.channels:])
		}
		x = copied
	}
	scratch := p.Borrow(bf16.ScratchFloats)
	defer p.Return(scratch)
	for i, ph := range k.phases {
		l, run := lists[i], ph.h.taps*k.c
		if (len(l.whole)+len(l.rest))*ph.v.taps*run == 0 {
			continue
		}
		q := bf16.Product{Outer: ph.v.taps, ARow: l.aRow, AOuter: k.rowStep, CRow: l.cRow}
		q.Inner, q.Block = bf16.Blocks(run)
		q.A = x[(ph.v.from+k.row*ph.v.step-top)*k.rowStep+(ph.h.from-left)*k.c:]
		to := ((ph.v.to+k.row*ph.v.stride)*k.outW + ph.h.to) * k.o
		for panel := k.panel; panel < k.end; panel++ {
			columns, at := min(bf16.Width, k.o-panel*bf16.Width), to+panel*bf16.Width
			q.B = k.packed[i][panel*ph.v.taps*run*bf16.Width:]
			var sum []bf16.T
			if plus != nil {
				sum = plus[at:]
			}
			k.kernel.Half(&q, y[at:], sum, l.whole, k.kernel.Rows, columns, scratch)
			k.kernel.Half(&q, y[at:], sum, l.rest, l.restRows, columns, scratch)
		}
	}
}
