package simd

import (
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes/bfloat16"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/eltwise"
)

// A loop evaluates a tree of element-wise operations tile by tile: a tile's
// values stay in the first-level cache from the first operation to the last.
const (
	tile      = 1024
	taskTiles = 16 // tiles of one task
)

// load brings a leaf into a register of a tile.
type load struct {
	slot, register int
	mask           bool // a []bool
	half           bool // a []bf16.T
	spread
}

// instruction computes a register from others.
type instruction struct {
	op       eltwise.Op
	operands int // 1 or 2 for op, 3 for a selection
	dst      int
	src      [3]int
}

// loop is a compiled tree.
type loop struct {
	n         int // elements
	loads     []load
	code      []instruction
	registers int
	result    int // register
	slot      int // of the result
	mask      bool
	half      bool
}

// lowerLoop adds the loop that ends in root.
func (c *compiler) lowerLoop(root *node) error {
	l := &loop{n: root.shapes[0].Size(), mask: isMask(root.shapes[0]), half: isHalf(root.shapes[0])}
	var reads []int
	done := map[*value]int{} // register of each value inside
	leaves := map[load]int{} // register of each leaf
	var names []string
	var visit func(n *node) int
	operand := func(n *node, i int) int {
		in := n.inputs[i]
		if (c.inline[in.node.id] || c.member[in.node.id] == root && in.node != root) && in.shape().Size() == l.n {
			return visit(in.node)
		}
		sp, _ := spreadOf(n, i)
		if c.inline[n.id] && c.instead[in] != nil {
			in = c.instead[in]
		}
		key := load{slot: c.where[in], mask: isMask(in.shape()), half: isHalf(in.shape()), spread: sp}
		if r, ok := leaves[key]; ok {
			return r
		}
		leaves[key] = l.registers
		reads = append(reads, key.slot)
		key.register = l.registers
		l.loads = append(l.loads, key)
		l.registers++
		return key.register
	}
	visit = func(n *node) int {
		if r, ok := done[n.outs[0]]; ok {
			return r
		}
		var src [3]int
		for i := range n.inputs {
			src[i] = operand(n, i)
		}
		r := src[0]
		switch {
		case n.op == compute.OpTypeBroadcastInDim, n.op == compute.OpTypeReshape, n.op == compute.OpTypeConvertDType && (!isMask(n.shapes[0]) || isMask(n.inputs[0].shape())):
			// the load has spread it, and a mask is a number already
		case n.op == compute.OpTypeConvertDType: // a number as a mask
			zero := l.registers
			l.loads = append(l.loads, load{slot: -1, register: zero})
			r = zero + 1
			l.registers += 2
			l.code = append(l.code, instruction{eltwise.Ne, 2, r, [3]int{src[0], zero}})
		default:
			r = l.registers
			l.registers++
			names = append(names, n.op.String())
			l.code = append(l.code, instruction{elementwise[n.op], len(n.inputs), r, src})
		}
		done[n.outs[0]] = r
		return r
	}
	l.result = visit(root)
	l.slot = c.result(root.outs[0])
	c.emit("loop", reads, []int{l.slot}, func(m *memory) { l.run(c.backend, *m) })
	last := &c.steps[len(c.steps)-1]
	last.shape += " " + strings.Join(names, " ")
	for _, ld := range l.loads {
		if ld.slot >= 0 && ld.inner == 1 && ld.n == l.n && !ld.mask {
			last.inPlace = append(last.inPlace, ld.slot)
		}
	}
	for _, ld := range l.loads { // read in another order as well
		if ld.inner != 1 || ld.n != l.n || ld.mask {
			last.inPlace = slices.DeleteFunc(last.inPlace, func(s int) bool { return s == ld.slot })
		}
	}
	return nil
}

// run computes all tiles.
func (l *loop) run(b *Backend, m memory) {
	tiles := (l.n + tile - 1) / tile
	b.pool.Run((tiles+taskTiles-1)/taskTiles, func(task int) {
		memory := b.pool.Borrow((l.registers + 1) * tile)
		defer b.pool.Return(memory)
		registers := make([][]float32, l.registers)
		for t := task * taskTiles; t < min((task+1)*taskTiles, tiles); t++ {
			l.tile(b, m, registers, memory, t*tile, min((t+1)*tile, l.n))
		}
	})
}

// tile computes the elements [from, to).
func (l *loop) tile(b *Backend, m memory, registers [][]float32, memory []float32, from, to int) {
	n, lv := to-from, b.level
	own := func(r int) []float32 { return memory[r*tile:][:n] }
	for _, ld := range l.loads {
		registers[ld.register] = ld.fetch(lv, m, own(ld.register), from, l.n)
	}
	for i, in := range l.code {
		dst := own(in.dst)
		if i == len(l.code)-1 && in.dst == l.result && !l.mask && !l.half {
			dst = m.floats(l.slot)[from:to]
		}
		registers[in.dst] = dst
		a := registers[in.src[0]]
		switch in.operands {
		case 1:
			eltwise.Unary(lv, in.op, dst, a)
		case 2:
			eltwise.Binary(lv, in.op, dst, a, registers[in.src[1]])
		case 3:
			eltwise.Select(lv, dst, a, registers[in.src[1]], registers[in.src[2]])
		}
	}
	l.store(lv, m, registers[l.result], from, to)
}

// store writes a tile of the result, unless the last instruction has done so.
func (l *loop) store(lv cpu.Level, m memory, x []float32, from, to int) {
	if l.mask {
		dst := m[l.slot].([]bool)[from:to]
		for i := range dst {
			dst[i] = x[min(i, len(x)-1)] != 0
		}
		return
	}
	if l.half {
		dst := m.halves(l.slot)[from:to]
		if len(x) == 1 {
			fill(dst, bfloat16.FromFloat32(x[0]))
			return
		}
		bf16.Narrow(lv, dst, x)
		return
	}
	dst := m.floats(l.slot)[from:to]
	switch {
	case len(x) == 1:
		fill(dst, x[0])
	case &x[0] != &dst[0]:
		copy(dst, x)
	}
}

var zero = []float32{0}

// fetch returns the elements of a leaf that belong to elements from on of the
// result, in buf if they have to be gathered. A single value stays single.
func (ld *load) fetch(lv cpu.Level, m memory, buf []float32, from, total int) []float32 {
	if ld.slot < 0 {
		return zero
	}
	if ld.mask {
		x := m[ld.slot].([]bool)
		ld.runs(buf, from, func(to []float32, at int) {
			v := float32(0)
			if x[at] {
				v = 1
			}
			fill(to, v)
		}, func(to []float32, at int) {
			for i, v := range x[at : at+len(to)] {
				if to[i] = 0; v {
					to[i] = 1
				}
			}
		})
		return buf
	}
	if ld.half {
		return ld.fetchHalf(lv, m.halves(ld.slot), buf, from, total)
	}
	x := m.floats(ld.slot)
	switch {
	case ld.n == 1 && ld.outer >= total:
		return x[:1]
	case ld.inner == 1 && ld.n == total:
		return x[from : from+len(buf)]
	}
	ld.runs(buf, from, func(to []float32, at int) { fill(to, x[at]) }, func(to []float32, at int) { copy(to, x[at:]) })
	return buf
}

// runs divides buf, the elements from on of the result, into runs of one
// element of the operand, or of consecutive ones.
func (s spread) runs(buf []float32, from int, same, consecutive func(to []float32, at int)) {
	for len(buf) > 0 {
		at := from/s.inner%s.n + from/s.outer*s.n
		n, put := s.inner-from%s.inner, same
		if s.inner == 1 {
			n, put = s.n-from%s.n, consecutive
		}
		n = min(n, len(buf))
		put(buf[:n], at)
		buf, from = buf[n:], from+n
	}
}

func fill[E float32 | bf16.T](x []E, v E) {
	for i := range x {
		x[i] = v
	}
}
