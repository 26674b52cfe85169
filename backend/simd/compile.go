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
	flat     any // constants, and what is not in the arena
	offset   int // in the arena
	arena    bool
	constant bool
}

// step is one kernel of a program with its operands.
type step struct {
	name  string
	shape string  // of the largest operand or result
	flops float64 // of a product
	bytes float64 // of operands and results
	run   func(m *memory)

	inPlace []int // slots that it reads element for element of what it writes first
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
	inline  []bool    // by node: every loop that reads it computes it

	isOutput     map[*node]bool
	absorbed     []bool // by node: a chain computes it
	forward      map[int]*forwardChain
	backward     map[int]*backwardChain
	halves       map[*node]*node          // by node that computes between conversions from and to bfloat16: the latter one
	folded       map[*node]*forwardChain  // by convolution: what it makes of its input first
	again        map[*value]*forwardChain // what is computed again where the backward pass reads it
	backwardFrom int                      // the first node of the backward pass
	sums         map[*node]*node          // by sum: the convolution that makes it
	instead      map[*value]*value        // what inlined nodes read for a value that is never stored

	slots  []slot
	where  map[*value]int // the slot of each value that has one
	steps  []step
	reads  [][]int // by step: slots
	writes [][]int
}

func compile(b *Backend, name string, f *function) (*executable, error) {
	c := &compiler{
		backend: b, f: f, where: map[*value]int{}, isOutput: map[*node]bool{},
		forward: map[int]*forwardChain{}, backward: map[int]*backwardChain{}, halves: map[*node]*node{}, sums: map[*node]*node{}, folded: map[*node]*forwardChain{}, again: map[*value]*forwardChain{}, instead: map[*value]*value{},
	}
	c.findLive()
	c.findHalves()
	c.chains()
	c.findFolds()
	c.findAgain()
	c.fuse()
	for _, n := range f.nodes {
		if n.op == compute.OpTypeParameter || c.live[n.id] && !c.inline[n.id] && (c.member[n.id] == nil || c.member[n.id] == n) {
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
	c.inline, c.absorbed = make([]bool, n), make([]bool, n)
	for _, v := range c.f.outputs {
		c.isOutput[v.node] = true
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
// recognised convolution those of what is folded into it, or those of the
// conversions that are.
func (c *compiler) operands(n *node) []*value {
	if k := matchConv(n); k != nil {
		return []*value{k.a, k.b}
	}
	if c.halves[n] != nil && n.op != compute.OpTypeDotGeneral {
		return unconverted(n)
	}
	return n.inputs
}

// lower adds the step of a node, or of the loop that ends in it.
func (c *compiler) lower(n *node) error {
	switch n.op {
	case compute.OpTypeBatchNormForTraining:
		c.lowerStats(n)
		fallthrough
	case compute.OpTypeBatchNormForInference:
		if c.forward[n.id] == nil {
			return nil // the rest is where the chain ends
		}
	}
	if ch := c.forward[n.id]; ch != nil {
		c.lowerForward(ch)
		return nil
	}
	if ch := c.backward[n.id]; ch != nil {
		c.lowerBackward(ch)
		return nil
	}
	if c.sums[n] != nil {
		c.lowerSum(n)
		return nil
	}
	if c.absorbed[n.id] {
		return nil
	}
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
	s := slot{shape: v.shape(), arena: inArena(v.shape())}
	if !s.arena {
		s.flat = newFlat(v.shape())
	}
	c.where[v] = c.newSlot(s)
	return c.where[v]
}

// emit adds a step that reads and writes slots. What it writes first may take the memory
// of one of inPlace.
func (c *compiler) emit(name string, reads, writes []int, run func(m *memory), inPlace ...int) {
	s := step{name: name, run: run, inPlace: inPlace}
	largest := 0
	for _, slot := range slices.Concat(writes, reads) {
		shape := c.slots[slot].shape
		s.bytes += float64(shape.ByteSize())
		if shape.Size() > largest {
			s.shape, largest = fmt.Sprint(shape.Dimensions), shape.Size()
		}
	}
	c.steps = append(c.steps, s)
	c.reads = append(c.reads, reads)
	c.writes = append(c.writes, writes)
}
