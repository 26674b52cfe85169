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
	weightGrad(p, lv, s, in, x, dy, dw, sumFloats)
}

func weightGrad(p *pool.Pool, lv cpu.Level, s Shape, in *norm.Map, x, dy, dw []float32, limit int) {
	const share = 8
	t := newTiling(s)
	t.in = in
	kernel := tile.For(lv, t.O)
	chunk := max(minTiles, gradFloats/(points*(t.C+t.O))/share*share)
	if t.tiles <= 2*chunk {
		chunk = t.tiles // and the sums of fewer channels
	}
	v, g := p.Borrow(points*chunk*t.C+kernel.Rows), p.Borrow(points*chunk*t.O+kernel.Width)
	defer p.Return(v)
	defer p.Return(g)
	// the sums of all channels, or if one chunk has all tiles, of some after others
	channels := t.C
	if chunk == t.tiles {
		channels = min(t.C, max(1, limit/(points*t.O*partChannels))*partChannels)
	}
	sum := p.Borrow(points * channels * t.O)
	defer p.Return(sum)
	for first := 0; first < t.tiles; first += chunk {
		n := min(chunk, t.tiles-first)
		p.Run((n+share-1)/share, func(i int) {
			from, count := i*share, min(share, n-i*share)
			t.eachTile(p, lv, t.inputTile, x, v, first+from, count, from, n, t.C)
			t.eachTile(p, lv, t.outputGradTile, dy, g, first+from, count, from, n, t.O)
		})
		for c := 0; c < t.C; c += channels {
			s := channelSums{sum, c, min(channels, t.C-c)}
			parts := (s.channels + partChannels - 1) / partChannels
			p.Run(points*parts, func(i int) {
				t.accumulate(kernel, v, g, s, i/parts, n, i%parts*partChannels, first > 0)
			})
			if first+n < t.tiles {
				continue
			}
			size := t.C * t.O
			p.Run(s.channels, func(i int) {
				weightsGrad.run(lv, grid{dw, (c + i) * t.O, taps * size, size}, grid{sum, i * t.O, patch * s.channels * t.O, s.channels * t.O}, t.O)
			})
		}
	}
}

// channelSums are the sums [points][channels][O] for input channels from first on.
type channelSums struct {
	x               []float32
	first, channels int
}

// sumFloats is about what the sums take that are worked on together.
const sumFloats = 4 << 20

// partChannels are the input channels that a task sums for.
const partChannels = 64

// accumulate adds the products of n tiles at one point to the sums of some
// channels from one of s on, some tiles at a time so that they stay in the caches.
func (t tiling) accumulate(k tile.Kernel, v, g []float32, s channelSums, point, n, channel int, add bool) {
	const together = 256
	var list [partChannels]tile.Group
	channels := min(partChannels, s.channels-channel)
	groups, rest := list[:0], channels%k.Rows
	for c := 0; c+k.Rows <= channels; c += k.Rows {
		groups = append(groups, tile.Group{A: c, C: c * t.O})
	}
	q := tile.Product{ARow: 1, AStep: [3]int{0, 0, t.C}, BStep: [3]int{0, 0, t.O}, CRow: t.O, Add: add}
	for from := 0; from < n; from += together {
		q.Loops = [3]int{1, 1, min(together, n-from)}
		q.A = v[(point*n+from)*t.C+s.first+channel:]
		for column := 0; column < t.O; column += k.Width {
			q.B = g[(point*n+from)*t.O+column:]
			q.C = s.x[(point*s.channels+channel)*t.O+column:]
			k.Do(&q, groups, k.Rows, min(k.Width, t.O-column))
			if rest > 0 {
				at := channels - rest
				k.Do(&q, []tile.Group{{A: at, C: at * t.O}}, rest, min(k.Width, t.O-column))
			}
		}
		q.Add = true
	}
}
