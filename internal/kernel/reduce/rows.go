package reduce

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

const (
	lanes       = 64         // partial sums that a block is spread over
	blockLength = 32 * lanes // elements summed in float32
)

// rows reduces each row of x [len(dst), n].
func rows(p *pool.Pool, lv cpu.Level, op Op, dst, x []float32, n int) {
	pieces := ceilDiv(n, taskSize)
	if pieces <= 1 {
		perTask := max(1, taskSize/max(1, n))
		p.Run(ceilDiv(len(dst), perTask), func(task int) {
			for r := task * perTask; r < min((task+1)*perTask, len(dst)); r++ {
				dst[r] = float32(row(lv, op, x[r*n:(r+1)*n]))
			}
		})
		return
	}
	partial := make([]float64, len(dst)*pieces)
	p.Run(len(partial), func(task int) {
		r, i := task/pieces, task%pieces
		partial[task] = row(lv, op, x[r*n+i*taskSize:r*n+min((i+1)*taskSize, n)])
	})
	for r := range dst {
		dst[r] = float32(join(op, partial[r*pieces:(r+1)*pieces]))
	}
}

// row reduces x block by block; the blocks join in float64.
func row(lv cpu.Level, op Op, x []float32) float64 {
	acc := float64(identity[op])
	for len(x) > 0 {
		n := min(len(x), blockLength)
		acc = combine(op, acc, float64(block(lv, op, x[:n])))
		x = x[n:]
	}
	return acc
}

// block reduces at most blockLength elements. Lane i starts from element i of the
// last, incomplete group of lanes, filled up with the identity; then come elements
// i, i+lanes, ... in order. At the end the upper half of the lanes is folded onto the
// lower, until one is left.
func block(lv cpu.Level, op Op, x []float32) float32 {
	last, whole := padding[op], len(x)/lanes*lanes
	copy(last[:], x[whole:])
	if v, ok := blockVector(lv, op, x[:whole], &last); ok {
		return v
	}
	return blockGeneric(op, x[:whole], &last)
}

func blockGeneric(op Op, x []float32, acc *[lanes]float32) float32 {
	for i, v := range acc {
		acc[i] = start(op, v)
	}
	for ; len(x) > 0; x = x[lanes:] {
		for i, v := range x[:lanes] {
			acc[i] = accumulate(op, acc[i], v)
		}
	}
	for width := lanes / 2; width > 0; width /= 2 {
		for i := range width {
			acc[i] = fold(op, acc[i], acc[i+width])
		}
	}
	return acc[0]
}
