package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// sweep is one or more convolutions of x [n, h, w, c], its phases, that
// together make up y [n, outH, outW, o].
type sweep struct {
	n, h, w, c    int
	outH, outW, o int
	phases        []phase
	// weights holds, for position (i, j) of a kernel that is kw wide, a matrix
	// of c by o from (i kw + j) c o on; its element (k, j) is at k row + j column.
	weights         []float32
	kw, row, column int
	add             bool      // to what y holds
	in              *norm.Map // what to make of x, or nil
}

// phase is one convolution: its vertical and its horizontal axis.
type phase struct{ v, h axis }

// axis is one direction of a convolution. Output k < count, which is position
// to + k stride of y, is the sum over t < taps of position from + k step + t of
// x (0 outside) times position tap + t nextTap of the kernel.
type axis struct {
	from, step, taps  int
	to, stride, count int
	tap, nextTap      int
}

// run computes y on the workers of p.
func (g *sweep) run(p *pool.Pool, lv cpu.Level, x, y []float32) {
	if g.n*g.outH*g.outW*g.o == 0 {
		return
	}
	t := newPlan(g, tile.For(lv, g.o), imageFloats)
	t.lv = lv
	floats := p.Borrow(t.packedFloats())
	defer p.Return(floats)
	packed := t.pack(p, floats)
	p.Run(t.groups*t.bands*t.parts, func(i int) {
		part, band, group := i%t.parts, i/t.parts%t.bands, i/t.parts/t.bands
		k := task{
			plan: t, packed: packed,
			image: group * t.images, row: band * t.rows,
			panel: part * t.columns, end: min(t.panels, (part+1)*t.columns),
		}
		k.run(p, x, y)
	})
}

// packedFloats is the size of all packed weights.
func (t *plan) packedFloats() (n int) {
	for _, ph := range t.phases {
		n += ph.v.taps * ph.h.taps * t.c * t.kernel.Width * t.panels
	}
	return n
}

// pack copies the weights of each phase as [panels][taps c][width], zeros
// beyond column o.
func (t *plan) pack(p *pool.Pool, floats []float32) (packed [][]float32) {
	for _, ph := range t.phases {
		n := ph.v.taps * ph.h.taps * t.c * t.kernel.Width * t.panels
		packed = append(packed, floats[:n])
		floats = floats[n:]
	}
	p.Run(len(t.phases)*t.panels, func(i int) {
		ph, first := t.phases[i/t.panels], i%t.panels*t.kernel.Width
		size := ph.v.taps * ph.h.taps * t.c * t.kernel.Width
		dst := packed[i/t.panels][i%t.panels*size:][:size]
		for v := range ph.v.taps {
			for h := range ph.h.taps {
				at := (ph.v.tap+v*ph.v.nextTap)*t.kw + ph.h.tap + h*ph.h.nextTap
				src := t.weights[at*t.c*t.o+first*t.column:]
				tile.Pack(dst, t.kernel.Width, src, t.c, t.row, min(t.kernel.Width, t.o-first), t.column)
				dst = dst[t.c*t.kernel.Width:]
			}
		}
	})
	return packed
}
