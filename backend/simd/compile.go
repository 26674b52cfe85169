package simd

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// slot is where the elements of a tensor are during a program: a parameter, a
// constant, or memory of the program.
type slot struct {
	shape    shapes.Shape
	flat     any // constants, and what is not float32
	offset   int // in the arena, for float32
	arena    bool
	constant bool
}

// step is one kernel of a program with its operands.
type step struct {
	name string
	run  func(m *memory)
}

// memory is what a running program reads and writes: the elements of each
// slot, as a slice of their type.
type memory []any

func (m memory) floats(slot int) []float32 { return m[slot].([]float32) }

// compiler turns a recorded function into a program.
type compiler struct {
	backend *Backend
	f       *function
	live    []bool    // by node: some output depends on it
	users   [][]*node // by node: the live nodes that read it
	member  []*node   // by node: the last node of the loop that computes it, or nil
	slots   []slot
	where   map[*value]int // the slot of each value that has one
	steps   []step
	reads   [][]int // by step: slots
	writes  [][]int
}

func compile(b *Backend, name string, f *function) (*executable, error) {
	c := &compiler{backend: b, f: f, where: map[*value]int{}}
	c.findLive()
	c.fuse()
	for _, n := range f.nodes {
		if n.op == compute.OpTypeParameter || c.live[n.id] && (c.member[n.id] == nil || c.member[n.id] == n) {
			if err := c.lower(n); err != nil {
				return nil, fmt.Errorf("backend %s: %q: %s: %w", Name, name, n.op, err)
			}
		}
	}
	return c.plan(), nil
}

// findLive marks what the outputs depend on.
func (c *compiler) findLive() {
	n := len(c.f.nodes)
	c.live, c.users, c.member = make([]bool, n), make([][]*node, n), make([]*node, n)
	for _, v := range c.f.outputs {
		c.live[v.node.id] = true
	}
	for i := n - 1; i >= 0; i-- {
		node := c.f.nodes[i]
		if !c.live[i] {
			continue
		}
		for _, in := range c.operands(node) {
			c.live[in.node.id] = true
			c.users[in.node.id] = append(c.users[in.node.id], node)
		}
	}
}

// operands are the values that a node's step reads: its inputs, or for a
// recognised convolution those of what is folded into it.
func (c *compiler) operands(n *node) []*value {
	if k := matchConv(n); k != nil {
		return []*value{k.a, k.b}
	}
	return n.inputs
}

// lower adds the step of a node, or of the loop that ends in it.
func (c *compiler) lower(n *node) error {
	switch n.op {
	case compute.OpTypeParameter:
		c.where[n.outs[0]] = c.newSlot(slot{shape: n.shapes[0]})
	case compute.OpTypeConstant:
		c.where[n.outs[0]] = c.newSlot(slot{shape: n.shapes[0], flat: n.attrs, constant: true})
	case compute.OpTypeReshape, compute.OpTypeIdentity, compute.OpTypeOptimizationBarrier, compute.OpTypeSchedulingBarrier:
		for i, out := range n.outs { // the same elements
			c.where[out] = c.where[n.inputs[i]]
		}
	default:
		if c.member[n.id] == n {
			return c.lowerLoop(n)
		}
		if !slices.ContainsFunc(n.shapes, func(s shapes.Shape) bool { return s.Size() > 0 }) {
			for _, out := range n.outs { // nothing to compute
				c.result(out)
			}
			return nil
		}
		if c.lowerKernel(n) {
			return nil
		}
		return c.lowerPortable(n)
	}
	return nil
}

func (c *compiler) newSlot(s slot) int {
	c.slots = append(c.slots, s)
	return len(c.slots) - 1
}

// result gives a value memory of the program.
func (c *compiler) result(v *value) int {
	s := slot{shape: v.shape(), arena: isFloat32(v.shape())}
	if !s.arena {
		s.flat = newFlat(v.shape())
	}
	c.where[v] = c.newSlot(s)
	return c.where[v]
}

// emit adds a step that reads and writes slots.
func (c *compiler) emit(name string, reads, writes []int, run func(m *memory)) {
	c.steps = append(c.steps, step{name, run})
	c.reads = append(c.reads, reads)
	c.writes = append(c.writes, writes)
}

// plan gives every slot its place in the arena: memory is used again once
// the last step that reads it is done.
func (c *compiler) plan() *executable {
	last := make([]int, len(c.slots))
	for i := range last {
		last[i] = -1
	}
	for i := range c.steps {
		for _, s := range c.reads[i] {
			last[s] = i
		}
		for _, s := range c.writes[i] {
			last[s] = max(last[s], i)
		}
	}
	e := &executable{backend: c.backend, names: c.f.names, steps: c.steps}
	for _, v := range c.f.outputs {
		last[c.where[v]] = len(c.steps)
		e.outputs = append(e.outputs, output{c.where[v], v.shape()})
	}
	for _, p := range c.f.parameters {
		e.inputs = append(e.inputs, p.shapes[0])
		e.inputSlots = append(e.inputSlots, c.where[p.outs[0]])
	}
	var a arena
	for i := range c.steps {
		for _, s := range c.writes[i] {
			if c.slots[s].arena {
				c.slots[s].offset = a.take(c.slots[s].shape.Size())
			}
		}
		for s := range c.slots {
			if c.slots[s].arena && last[s] == i {
				a.give(c.slots[s].offset, c.slots[s].shape.Size())
			}
		}
	}
	block := alignedFloats(a.size)
	e.memory = make(memory, len(c.slots))
	for i, s := range c.slots {
		switch {
		case s.arena:
			e.memory[i] = block[s.offset : s.offset+s.shape.Size() : s.offset+s.shape.Size()]
		case s.flat != nil:
			e.memory[i] = s.flat
		}
	}
	return e
}
