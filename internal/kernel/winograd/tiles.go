package winograd

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// at is where tile i begins in y: image, row and column.
func (t tiling) at(i int) (n, row, column int) {
	perImage := t.rows * t.columns
	return i / perImage, i % perImage / t.columns * side, i % t.columns * side
}

// tileFunc transforms one tile between images and point 0 of that tile in v,
// which has distance step between points. aside has room for a whole patch.
type tileFunc func(lv cpu.Level, images []float32, v grid, aside []float32, n, row, column int)

// eachTile transforms n tiles from first on; they are tiles offset and on of v
// [points][total][channels].
func (t tiling) eachTile(p *pool.Pool, lv cpu.Level, f tileFunc, images, v []float32, first, n, offset, total, channels int) {
	aside := p.Borrow(points * channels)
	defer p.Return(aside)
	step := total * channels
	for i := range n {
		image, row, column := t.at(first + i)
		f(lv, images, grid{v, (offset + i) * channels, patch * step, step}, aside, image, row, column)
	}
}

// inputTile writes Bᵀ d B of the patch of x under a tile.
func (t tiling) inputTile(lv cpu.Level, x []float32, v grid, aside []float32, n, row, column int) {
	row, column = row-t.Top, column-t.Left
	src := grid{x, ((n*t.H+row)*t.W + column) * t.C, t.W * t.C, t.C}
	if row < 0 || column < 0 || row+patch > t.H || column+patch > t.W || t.in != nil {
		src = window(lv, t.in, aside, x[n*t.H*t.W*t.C:], t.H, t.W, t.C, row, column, patch)
	}
	input.run(lv, v, src, t.C)
}

// outputGradTile writes A dy Aᵀ of a tile of dy.
func (t tiling) outputGradTile(lv cpu.Level, dy []float32, v grid, aside []float32, n, row, column int) {
	src := grid{dy, ((n*t.OutH+row)*t.OutW + column) * t.O, t.OutW * t.O, t.O}
	if row+side > t.OutH || column+side > t.OutW {
		src = window(lv, nil, aside, dy[n*t.OutH*t.OutW*t.O:], t.OutH, t.OutW, t.O, row, column, side)
	}
	outputGrad.run(lv, v, src, t.O)
}

// window copies a square of an image [h, w, c], normalised by in unless that is nil,
// with zeros outside of it.
func window(lv cpu.Level, in *norm.Map, dst, image []float32, h, w, c, row, column, size int) grid {
	first, end := min(max(0, -column), size), max(0, min(size, w-column))
	for i := range size {
		to := dst[i*size*c:][:size*c]
		if r := row + i; r < 0 || r >= h || first >= end {
			clear(to)
			continue
		}
		clear(to[:first*c])
		inside, from := to[first*c:end*c], image[((row+i)*w+column+first)*c:]
		if in != nil {
			in.Apply(lv, inside, from)
		} else {
			copy(inside, from)
		}
		clear(to[end*c:])
	}
	return grid{dst, 0, size * c, c}
}

// outputTile writes a tile of y, Aᵀ m A, or adds it.
func (t tiling) outputTile(lv cpu.Level, y []float32, m grid, aside []float32, n, row, column int) {
	to := y[((n*t.OutH+row)*t.OutW+column)*t.O:]
	rows, columns := min(side, t.OutH-row), min(side, t.OutW-column)
	if rows == side && columns == side {
		whole := &output
		if t.add {
			whole = &outputAdd
		}
		whole.run(lv, grid{to, 0, t.OutW * t.O, t.O}, m, t.O)
		return
	}
	output.run(lv, grid{aside, 0, side * t.O, t.O}, m, t.O)
	for i := range rows {
		row, own := to[i*t.OutW*t.O:][:columns*t.O], aside[i*side*t.O:][:columns*t.O]
		if t.add {
			eltwise.Binary(lv, eltwise.Add, row, own, row)
		} else {
			copy(row, own)
		}
	}
}

// multiply computes m = v u at one point, for n tiles and some columns of the
// output, where from is a multiple of the kernel's width. u is packed.
func (t tiling) multiply(k tile.Kernel, v, u, m []float32, point, n, from, to int) {
	var list [96]tile.Group
	panels := (t.O + k.Width - 1) / k.Width
	q := tile.Product{
		Loops: [3]int{1, 1, t.C}, ARow: t.C, AStep: [3]int{0, 0, 1}, BStep: [3]int{0, 0, k.Width}, CRow: t.O,
		A: v[point*n*t.C:],
	}
	for first := 0; first < n; first += len(list) * k.Rows {
		groups := list[:0]
		whole := min(len(list), (n-first)/k.Rows)
		for i := range whole {
			groups = append(groups, tile.Group{A: (first + i*k.Rows) * t.C, C: (first + i*k.Rows) * t.O})
		}
		for column := from; column < to; column += k.Width {
			q.B = u[(point*panels+column/k.Width)*t.C*k.Width:]
			q.C = m[point*n*t.O+column:]
			k.Do(&q, groups, k.Rows, min(k.Width, t.O-column))
		}
		if rest := n - first - whole*k.Rows; rest > 0 && whole < len(list) {
			at := first + whole*k.Rows
			for column := from; column < to; column += k.Width {
				q.B = u[(point*panels+column/k.Width)*t.C*k.Width:]
				q.C = m[point*n*t.O+column:]
				k.Do(&q, []tile.Group{{A: at * t.C, C: at * t.O}}, rest, min(k.Width, t.O-column))
			}
		}
	}
}
