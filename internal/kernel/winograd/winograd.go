// Package winograd computes 3x3 convolutions of stride 1 of float32 images stored
// as NHWC, and their gradients, with a quarter of the products: F(4x4, 3x3) of
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).
//
// Its price is precision: errors of about 10⁻⁵ of the largest result for normal
// inputs, bounded in the tests, where a direct sum has 10⁻⁶ at worst.
// Results depend on the shape alone: not on the number of workers, nor on the
// variant (generic, AVX2, AVX-512).
package winograd

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

const (
	points = 36 // of a transformed tile
	side   = 4  // of an output tile
	patch  = 6  // of an input tile
	taps   = 3
)

// Shape is the geometry of a convolution: x [N, H, W, C], w [3, 3, C, O],
// y [N, OutH, OutW, O]:
//
//	y[n,p,q,o] = Σ_{i,j,c} x[n, p+i-Top, q+j-Left, c] · w[i,j,c,o]
//
// where x is 0 outside the image.
type Shape struct {
	N, H, W, C int
	O          int
	Top, Left  int
	OutH, OutW int
}

// tiling cuts y into tiles, numbered image by image and row by row.
type tiling struct {
	Shape
	rows, columns, tiles int
	add                  bool      // to what y holds
	in                   *norm.Map // what to make of x, or nil
}

func newTiling(s Shape) tiling {
	t := tiling{Shape: s, rows: (s.OutH + side - 1) / side, columns: (s.OutW + side - 1) / side}
	t.tiles = s.N * t.rows * t.columns
	return t
}

// Forward computes y from x and w. If in is not nil, it is of in's normalisation of x.
func Forward(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, w, y []float32) {
	forward(p, lv, s, in, x, w, y, largeFloats)
}

func forward(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, w, y []float32, limit int) {
	taps := grid{x: w, row: taps * s.C * s.O, col: s.C * s.O}
	t := newTiling(s)
	t.in = in
	convolve(p, lv, t, x, kernelOf{taps, s.C, s.O, false}, y, limit)
}

// InputGrad computes dx, the gradient with respect to x, from dy and w: the
// convolution of dy with the kernel reversed and its channels swapped. With add it
// adds to what dx holds.
func InputGrad(p *pool.Pool, lv cpu.Level, s Shape, dy, w []float32, add bool, dx []float32) {
	last := taps*taps - 1
	reversed := grid{x: w, from: last * s.C * s.O, row: -taps * s.C * s.O, col: -s.C * s.O}
	t := newTiling(Shape{
		N: s.N, H: s.OutH, W: s.OutW, C: s.O, O: s.C,
		Top: taps - 1 - s.Top, Left: taps - 1 - s.Left, OutH: s.H, OutW: s.W,
	})
	t.add = add
	convolve(p, lv, t, dy, kernelOf{reversed, s.C, s.O, true}, dx, largeFloats)
}

// kernelOf is the kernel of a convolution: rows by columns matrices at each
// tap, to be used transposed or not.
type kernelOf struct {
	taps          grid
	rows, columns int
	transpose     bool
}

// transformed returns G g Gᵀ, packed for the products as [points][panels][C][width].
func (k kernelOf) transformed(p *pool.Pool, lv cpu.Level, t tiling, width int) []float32 {
	const share = 64 // rows of a panel that a task transforms: they stay in a level 2 cache
	panels, shares := (t.O+width-1)/width, (t.C+share-1)/share
	packed := p.Borrow(points * panels * t.C * width)
	step := panels * t.C * width // from point to point
	p.Run(panels*shares, func(i int) {
		first, c := i/shares*width, i%shares*share
		n, columns := min(share, t.C-c), min(width, t.O-first)
		to := packed[i/shares*t.C*width+c*width:]
		if !k.transpose && columns == width {
			for r := range n {
				src := k.taps
				src.from += (c+r)*k.columns + first
				weights.run(lv, grid{to, r * width, patch * step, step}, src, width)
			}
			return
		}
		// aside, [points][rows][columns] as k has them
		rows, from, length, row, column := n, c*k.columns+first, columns, columns, 1
		if k.transpose {
			rows, from, length, row, column = columns, first*k.columns+c, n, 1, n
		}
		aside := p.Borrow(points * n * columns)
		defer p.Return(aside)
		for r := range rows {
			src := k.taps
			src.from += from + r*k.columns
			weights.run(lv, grid{aside, r * length, patch * n * columns, n * columns}, src, length)
		}
		for point := range points {
			tile.Pack(to[point*step:][:n*width], width, aside[point*n*columns:], n, row, columns, column)
		}
	})
	return packed
}

const (
	scratchFloats = 320 << 10 // of transformed tiles of a task, so that they stay in a level 2 cache
	largeFloats   = 16 << 20  // of transformed tiles that all tasks work on together
	minTiles      = 48        // what it takes to reuse the weights
	minTasks      = 16
)

// convolve computes y, with at most limit floats of transformed tiles. Where there are many tiles, a task takes some of them from
// x to y. Else all tasks take part in each of the three steps.
func convolve(p *pool.Pool, lv cpu.Level, t tiling, x []float32, k kernelOf, y []float32, limit int) {
	kernel := tile.For(lv, t.O)
	u := k.transformed(p, lv, t, kernel.Width)
	defer p.Return(u)
	block := max(minTiles, scratchFloats/(points*(t.C+t.O))/12*12)
	if t.tiles >= minTasks*block {
		p.Run((t.tiles+block-1)/block, func(i int) {
			first := i * block
			n := min(block, t.tiles-first)
			v, m := p.Borrow(points*n*t.C+kernel.Rows*t.C), p.Borrow(points*n*t.O)
			defer p.Return(v)
			defer p.Return(m)
			t.eachTile(p, lv, t.inputTile, x, v, first, n, 0, n, t.C)
			for point := range points {
				t.multiply(kernel, v, u, m, point, n, 0, t.O)
			}
			t.eachTile(p, lv, t.outputTile, y, m, first, n, 0, n, t.O)
		})
		return
	}
	// all tiles at once, or some images' at a time
	const share, columns = 8, 128
	chunk := max(minTiles, min(t.tiles, limit/(points*(t.C+t.O))))
	v, m := p.Borrow(points*chunk*t.C+kernel.Rows*t.C), p.Borrow(points*chunk*t.O)
	defer p.Return(v)
	defer p.Return(m)
	for first := 0; first < t.tiles; first += chunk {
		n := min(chunk, t.tiles-first)
		shares, parts := (n+share-1)/share, (t.O+columns-1)/columns
		p.Run(shares, func(i int) {
			t.eachTile(p, lv, t.inputTile, x, v, first+i*share, min(share, n-i*share), i*share, n, t.C)
		})
		p.Run(points*parts, func(i int) {
			part := i % parts * columns
			t.multiply(kernel, v, u, m, i/parts, n, part, min(t.O, part+columns))
		})
		p.Run(shares, func(i int) {
			t.eachTile(p, lv, t.outputTile, y, m, first+i*share, min(share, n-i*share), i*share, n, t.O)
		})
	}
}
