package conv

import (
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// task is one piece of a plan.
type task struct {
	*plan
	packed     [][]float32 // weights of each phase
	image, row int         // the first ones
	panel, end int         // panels of columns of y
}

func (k *task) run(p *pool.Pool, x, y []float32) {
	images := min(k.images, k.n-k.image)
	lists := k.lists
	if images < k.images || k.row > 0 && k.row+k.rows >= k.count {
		lists = k.list(images, k.row)
	}
	x = x[k.image*k.h*k.w*k.c:]
	y = y[k.image*k.outH*k.outW*k.o:]
	if k.hollow && !k.add {
		last := min(k.outH, (k.row+k.rows)*k.strideH)
		clear(y[k.row*k.strideH*k.outW*k.o : ((images-1)*k.outH+last)*k.outW*k.o])
	}
	top, left := 0, 0 // the position in the image of what x begins with
	if !k.direct {
		top, left = k.top+k.row*k.stepH, k.left
		copied := p.Borrow(images*k.imageStep + k.beyond(lists))
		defer p.Return(copied)
		b := border{
			h: k.h, w: k.w, c: k.c, channels: k.c,
			top: top, left: left, stepH: 1, stepW: 1, height: k.height, width: k.width, lv: k.lv, in: k.in,
		}
		for i := range images {
			copyBorder(&b, copied[i*k.imageStep:], x[i*k.h*k.w*k.c:])
		}
		x = copied
	}
	for i, ph := range k.phases {
		l := lists[i]
		if (len(l.whole)+len(l.rest))*ph.v.taps*ph.h.taps*k.c == 0 {
			continue
		}
		from := ((ph.v.from+k.row*ph.v.step-top)*k.rowStep + (ph.h.from-left)*k.c)
		to := ((ph.v.to+k.row*ph.v.stride)*k.outW + ph.h.to) * k.o
		k.phase(ph, k.packed[i], l, x[from:], y[to:])
	}
}

// phase computes one phase; x begins with what its first pixel needs, and y
// with the first pixel. Where a panel of weights is too large for the cache, it
// is used in pieces of some rows of the kernel, for all pixels each.
func (k *task) phase(ph phase, packed []float32, l list, x, y []float32) {
	width, run := k.kernel.Width, ph.h.taps*k.c
	step := min(ph.v.taps, max(1, panelFloats/(run*width)))
	p := tile.Product{ARow: l.aRow, AStep: [3]int{0, k.rowStep, 1}, BStep: [3]int{0, run * width, width}, CRow: l.cRow}
	for panel := k.panel; panel < k.end; panel++ {
		columns := min(width, k.o-panel*width)
		p.C = y[panel*width:]
		for i := 0; i < ph.v.taps; i += step {
			p.Loops = [3]int{1, min(step, ph.v.taps-i), run}
			p.A, p.B = x[i*k.rowStep:], packed[(panel*ph.v.taps+i)*run*width:]
			p.Add = i > 0 || k.add
			k.kernel.Do(&p, l.whole, k.kernel.Rows, columns)
			k.kernel.Do(&p, l.rest, l.restRows, columns)
		}
	}
}
