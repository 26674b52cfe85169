package winograd

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// gradFloats is what the transformed tiles of x and dy may take together, so
// that they stay in a level 3 cache.
const gradFloats = 3 << 20

// WeightGrad computes dw, the gradient with respect to w, from x and dy. Since y is
// Aᵀ [u ∘ v] A at each tile, it is
//
//	dw = Gᵀ [ Σ_tiles v ∘ (A dy Aᵀ) ] G
//
// and the sum is, at each point, a product of matrices [C, tiles] and [tiles, O]. If in is
// not nil, it is for in's normalisation of x.
func WeightGrad(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, dy, dw []float32) {
	const share = 8
	t := newTiling(s)
	t.in = in
	kernel := tile.For(lv, t.O)
	chunk := min(t.tiles, max(minTiles, gradFloats/(points*(t.C+t.O))/share*share))
	v, g := p.Borrow(points*chunk*t.C+kernel.Rows), p.Borrow(points*chunk*t.O+kernel.Width)
	sum := p.Borrow(points * t.C * t.O)
	defer p.Return(v)
	defer p.Return(g)
	defer p.Return(sum)
	for first := 0; first < t.tiles; first += chunk {
		n := min(chunk, t.tiles-first)
		p.Run((n+share-1)/share, func(i int) {
			from, count := i*share, min(share, n-i*share)
			t.eachTile(p, lv, t.inputTile, x, v, first+from, count, from, n, t.C)
			t.eachTile(p, lv, t.outputGradTile, dy, g, first+from, count, from, n, t.O)
		})
		parts := t.gradParts()
		p.Run(points*parts, func(i int) {
			t.accumulate(kernel, v, g, sum, i/parts, n, i%parts*partChannels, first > 0)
		})
	}
	size := t.C * t.O
	p.Run(t.C, func(c int) {
		weightsGrad.run(lv, grid{dw, c * t.O, taps * size, size}, grid{sum, c * t.O, patch * size, size}, t.O)
	})
}

// partChannels are the input channels that a task sums for.
const partChannels = 64

func (t tiling) gradParts() int { return (t.C + partChannels - 1) / partChannels }

// accumulate adds the products of n tiles at one point to the sums of some
// channels, some tiles at a time so that they stay in the caches.
func (t tiling) accumulate(k tile.Kernel, v, g, sum []float32, point, n, channel int, add bool) {
	const together = 256
	var list [partChannels]tile.Group
	channels := min(partChannels, t.C-channel)
	groups, rest := list[:0], channels%k.Rows
	for c := 0; c+k.Rows <= channels; c += k.Rows {
		groups = append(groups, tile.Group{A: c, C: c * t.O})
	}
	q := tile.Product{ARow: 1, AStep: [3]int{0, 0, t.C}, BStep: [3]int{0, 0, t.O}, CRow: t.O, Add: add}
	for from := 0; from < n; from += together {
		q.Loops = [3]int{1, 1, min(together, n-from)}
		q.A = v[(point*n+from)*t.C+channel:]
		for column := 0; column < t.O; column += k.Width {
			q.B = g[(point*n+from)*t.O+column:]
			q.C = sum[(point*t.C+channel)*t.O+column:]
			k.Do(&q, groups, k.Rows, min(k.Width, t.O-column))
			if rest > 0 {
				at := channels - rest
				k.Do(&q, []tile.Group{{A: at, C: at * t.O}}, rest, min(k.Width, t.O-column))
			}
		}
		q.Add = true
	}
}
