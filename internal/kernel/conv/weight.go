package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// Small kernels are summed slice by slice of the batch, each slice into a sum
// of its own that stays in the cache; the sums are joined in order. Large ones
// are cut by input channel instead, with one sum. Both depend on the shape alone.
const (
	maxSlices    = 16
	slicedFloats = 1 << 18 // the largest kernel that is sliced
	chunk        = 32      // input channels of one task otherwise
)

// WeightGrad computes dw, the gradient with respect to w, from x and dy.
func WeightGrad(p *pool.Pool, lv cpu.Level, s Shape, x, dy, dw []float32) {
	if len(dw) == 0 {
		return
	}
	g := newWeightGrad(p, lv, s)
	size := s.KH * s.KW * g.c * g.o
	slices := 1
	if size <= slicedFloats {
		slices = max(1, min(maxSlices, s.N))
	}
	sums := p.Borrow(slices * size)
	defer p.Return(sums)
	if slices > 1 {
		g.bySlice(sums, slices, x, dy)
	} else {
		g.byChannel(sums, x, dy)
	}
	p.Run(s.KH*s.KW, func(tap int) {
		for c := range s.C {
			from := (tap*g.c + c) * g.o
			row := dw[(tap*s.C+c)*s.O:][:s.O]
			copy(row, sums[from:])
			for k := 1; k < slices; k++ {
				for o, v := range sums[k*size+from:][:s.O] {
					row[o] += v
				}
			}
		}
	})
}

// weightGrad is a weight gradient whose channels are rounded up to whole tiles.
type weightGrad struct {
	Shape
	p      *pool.Pool
	lv     cpu.Level
	c, o   int // channels, rounded up
	n      int // input channels of a tile
	width  int // output channels of a tile
	ph, pw int // sides of a padded image
}

func newWeightGrad(p *pool.Pool, lv cpu.Level, s Shape) *weightGrad {
	g := &weightGrad{Shape: s, p: p, lv: lv, n: 8}
	g.width, _ = tile.Width(lv, s.O)
	if s.C%8 > 0 && s.C%8 <= 4 {
		g.n = 4
	}
	g.c, g.o = roundUp(s.C, g.n), roundUp(s.O, g.width)
	g.ph, g.pw = (s.OutH-1)*s.StrideH+s.KH, (s.OutW-1)*s.StrideW+s.KW
	return g
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func (g *weightGrad) bySlice(sums []float32, slices int, x, dy []float32) {
	size := len(sums) / slices
	g.p.Run(slices, func(k int) {
		sum := sums[k*size:][:size]
		clear(sum)
		xs, dys := g.p.Borrow(g.ph*g.pw*g.c), g.p.Borrow(g.OutH*g.OutW*g.o)
		defer g.p.Return(xs)
		defer g.p.Return(dys)
		for n := k * g.N / slices; n < (k+1)*g.N/slices; n++ {
			g.copyPadded(xs, x, n)
			d := g.channels(dys, dy, n)
			for tap := range g.KH * g.KW {
				g.add(sum[tap*g.c*g.o:], tap, 0, g.c, xs, d)
			}
		}
	})
}

func (g *weightGrad) byChannel(sum []float32, x, dy []float32) {
	clear(sum)
	image, result := g.ph*g.pw*g.c, g.OutH*g.OutW*g.o
	xs, dys := g.p.Borrow(g.N*image), g.p.Borrow(g.N*result)
	defer g.p.Return(xs)
	defer g.p.Return(dys)
	ds := make([][]float32, g.N)
	g.p.Run(g.N, func(n int) {
		g.copyPadded(xs[n*image:][:image], x, n)
		ds[n] = g.channels(dys[n*result:][:result], dy, n)
	})
	chunks := (g.c + chunk - 1) / chunk
	g.p.Run(g.KH*g.KW*chunks, func(task int) {
		tap, from := task/chunks, task%chunks*chunk
		for n := range g.N {
			g.add(sum[tap*g.c*g.o:], tap, from, min(from+chunk, g.c), xs[n*image:], ds[n])
		}
	})
}

// add adds one image's products for one position of the kernel and the input
// channels [from, to).
func (g *weightGrad) add(sum []float32, tap, from, to int, x, dy []float32) {
	q := tile.Outer{
		N: g.n, Width: g.width, Rows: g.OutH, Columns: g.OutW,
		Pixel: g.StrideW * g.c, Row: g.StrideH * g.pw * g.c, DYPixel: g.o, DWRow: g.o,
	}
	at := (tap/g.KW*g.pw + tap%g.KW) * g.c
	for o := 0; o < g.o; o += g.width {
		q.DY = dy[o:]
		for c := from; c < to; c += g.n {
			q.X, q.DW = x[at+c:], sum[c*g.o+o:]
			q.Do(g.lv)
		}
	}
}

// copyPadded copies image n of x with its border of zeros and its channels
// rounded up.
func (g *weightGrad) copyPadded(dst, x []float32, n int) {
	clear(dst)
	for r := range g.ph {
		h := r - g.PadTop
		if h < 0 || h >= g.H {
			continue
		}
		for col := max(0, g.PadLeft); col < min(g.pw, g.PadLeft+g.W); col++ {
			copy(dst[(r*g.pw+col)*g.c:], x[((n*g.H+h)*g.W+col-g.PadLeft)*g.C:][:g.C])
		}
	}
}

// channels is image n of dy, copied to dst if its channels have to be rounded up.
func (g *weightGrad) channels(dst, dy []float32, n int) []float32 {
	dy = dy[n*g.OutH*g.OutW*g.O:][:g.OutH*g.OutW*g.O]
	if g.o == g.O {
		return dy
	}
	clear(dst)
	for i := range g.OutH * g.OutW {
		copy(dst[i*g.o:], dy[i*g.O:][:g.O])
	}
	return dst
}
