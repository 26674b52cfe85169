package simd

import (
	"slices"

	"alike/internal/kernel/page"
)

// planner gives every slot of a compiled program its memory.
type planner struct {
	*compiler
	static []bool // by slot: known at compile time
	last   []int  // by slot: the last step that reads or writes it, or -1
	first  []int  // by slot: the step that writes it first
}

// maxStatic is the most bytes that a step may write to be run once, at compile time.
const maxStatic = 4 << 20

// plan makes the program: what depends on no parameter is computed now, once;
// outputs live in buffers of their own; the rest shares an arena, where memory
// is used again once the last step that reads it is done.
func (c *compiler) plan() *executable {
	p := &planner{compiler: c}
	e := &executable{backend: c.backend, names: c.f.names}
	once := p.splitStatic()
	p.findLifetimes()
	e.steps = c.steps
	for _, q := range c.f.parameters {
		e.inputs = append(e.inputs, q.shapes[0])
		e.inputSlots = append(e.inputSlots, c.where[q.outs[0]])
	}
	taken := map[int]bool{}
	for _, v := range c.f.outputs {
		o := output{slot: c.where[v], shape: v.shape(), input: -1}
		if o.own = !taken[o.slot] && p.first[o.slot] >= 0; o.own {
			c.slots[o.slot].arena, c.slots[o.slot].flat = false, nil
			o.input = p.inPlace(o.slot, e)
		}
		taken[o.slot] = true
		e.outputs = append(e.outputs, o)
	}
	block := aligned(page.Scarce, p.arena())
	e.memory = make(memory, len(c.slots))
	for i, s := range c.slots {
		switch {
		case s.arena:
			e.memory[i] = typed(s.shape, block[s.offset:s.offset+arenaFloats(s.shape)])
		case s.flat != nil:
			e.memory[i] = s.flat
		}
	}
	for i := range once {
		once[i].run(&e.memory)
	}
	return e
}

// splitStatic takes out the steps that depend on no parameter.
func (p *planner) splitStatic() (once []step) {
	p.static = make([]bool, len(p.slots))
	for i, s := range p.slots {
		p.static[i] = s.constant
	}
	kept := 0
	for i, s := range p.steps {
		size := 0
		for _, w := range p.writes[i] {
			size += int(p.slots[w].shape.ByteSize())
		}
		if size <= maxStatic && !slices.ContainsFunc(p.reads[i], func(slot int) bool { return !p.static[slot] }) {
			once = append(once, s)
			for _, w := range p.writes[i] {
				p.static[w], p.slots[w].arena, p.slots[w].flat = true, false, newFlat(p.slots[w].shape)
			}
			continue
		}
		p.steps[kept], p.reads[kept], p.writes[kept] = s, p.reads[i], p.writes[i]
		kept++
	}
	p.steps, p.reads, p.writes = p.steps[:kept], p.reads[:kept], p.writes[:kept]
	return once
}

func (p *planner) findLifetimes() {
	p.first, p.last = make([]int, len(p.slots)), make([]int, len(p.slots))
	for i := range p.slots {
		p.first[i], p.last[i] = -1, -1
	}
	for i := range p.steps {
		for _, s := range p.reads[i] {
			p.last[s] = i
		}
		for _, s := range p.writes[i] {
			p.last[s] = i
			if p.first[s] < 0 {
				p.first[s] = i
			}
		}
	}
}

// inPlace finds an input whose memory the output may take over where it is
// donated: nothing reads it after the step that writes the output, and that
// step reads of it only what it writes next. -1 if there is none.
func (p *planner) inPlace(slot int, e *executable) int {
	at := p.first[slot]
	best := -1
	for i, in := range e.inputSlots {
		s := p.slots[in].shape
		free := p.last[in] < at || p.last[in] == at && slices.Contains(p.steps[at].inPlace, in)
		used := slices.ContainsFunc(e.outputs, func(o output) bool { return o.input == i || o.slot == in }) ||
			slices.ContainsFunc(p.f.outputs, func(v *value) bool { return p.where[v] == in })
		if s.DType != p.slots[slot].shape.DType || s.Size() != p.slots[slot].shape.Size() || !free || used {
			continue
		}
		if p.last[in] == at { // what an update replaces
			return i
		}
		if best < 0 {
			best = i
		}
	}
	return best
}

// arena places the slots that share memory, and returns its size in floats.
func (p *planner) arena() int {
	heir := p.heirs()
	var slots []int
	var wanted []lifetime
	for s := range p.slots {
		if !p.slots[s].arena || p.first[s] < 0 {
			continue
		}
		if h, ok := heir[s]; ok { // it lives on in the place of the first
			w := &wanted[slices.Index(slots, h)]
			w.last = max(w.last, p.last[s])
			continue
		}
		slots = append(slots, s)
		wanted = append(wanted, lifetime{arenaFloats(p.slots[s].shape), p.first[s], p.last[s]})
	}
	offsets, size := place(wanted)
	for i, s := range slots {
		p.slots[s].offset = offsets[i]
	}
	for s, h := range heir {
		p.slots[s].offset = p.slots[h].offset
	}
	return size
}

// heirs are the slots that take over the memory of one that is read for the last
// time by the step that writes them, element for element: by slot, the first of
// those whose memory it is.
func (p *planner) heirs() map[int]int {
	heir := map[int]int{}
	for i := range p.steps {
		if len(p.writes[i]) == 0 {
			continue
		}
		w := p.writes[i][0]
		if !p.slots[w].arena || p.first[w] != i {
			continue
		}
		for _, r := range p.steps[i].inPlace {
			if p.slots[r].arena && p.first[r] >= 0 && p.last[r] == i && p.slots[r].shape.DType == p.slots[w].shape.DType && p.slots[r].shape.Size() == p.slots[w].shape.Size() {
				heir[w] = r
				if h, ok := heir[r]; ok {
					heir[w] = h
				}
				break
			}
		}
	}
	return heir
}
