package simd

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// executable is a compiled program. Executions take turns: they share its memory.
type executable struct {
	backend    *Backend
	names      []string
	inputs     []shapes.Shape
	inputSlots []int
	outputs    []output
	steps      []step

	mu     sync.Mutex
	memory memory
}

type output struct {
	slot  int
	shape shapes.Shape
	own   bool // steps write it where it stays; if not it is copied
	input int  // the input whose memory it takes over where that is donated, or -1
}

func (e *executable) Finalize() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.memory, e.steps = nil, nil
}

func (e *executable) Inputs() ([]string, []shapes.Shape) { return e.names, e.inputs }

func (e *executable) Outputs() []shapes.Shape {
	out := make([]shapes.Shape, len(e.outputs))
	for i, o := range e.outputs {
		out[i] = o.shape
	}
	return out
}

// Execute implements compute.Executable. The memory of a donated input becomes
// that of an output of the same shape.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.memory == nil {
		return nil, fmt.Errorf("backend %s: the program is finalized", Name)
	}
	if len(inputs) != len(e.inputs) {
		return nil, fmt.Errorf("backend %s: %d inputs, want %d", Name, len(inputs), len(e.inputs))
	}
	for i, in := range inputs {
		b, ok := in.(*buffer)
		if !ok || b.flat == nil || b.backend != e.backend {
			return nil, fmt.Errorf("backend %s: input %q is not a live buffer of this backend", Name, e.names[i])
		}
		if !b.shape.Equal(e.inputs[i]) {
			return nil, fmt.Errorf("backend %s: input %q is %s, want %s", Name, e.names[i], b.shape, e.inputs[i])
		}
		e.memory[e.inputSlots[i]] = b.flat
	}
	outputs := make([]compute.Buffer, len(e.outputs))
	for i, o := range e.outputs {
		out := &buffer{backend: e.backend, shape: o.shape}
		if o.input >= 0 && o.input < len(donate) && donate[o.input] {
			out.flat = inputs[o.input].(*buffer).flat
		} else {
			out.flat = newFlat(o.shape)
		}
		if outputs[i] = out; o.own {
			e.memory[o.slot] = out.flat
		}
	}
	profile := e.backend.profile.Load()
	for i := range e.steps {
		if profile != nil {
			profile.run(&e.steps[i], &e.memory)
			continue
		}
		e.steps[i].run(&e.memory)
	}
	for i, o := range e.outputs {
		if o.own {
			continue
		}
		if err := copyFlat(outputs[i].(*buffer).flat, e.memory[o.slot]); err != nil {
			return nil, err
		}
	}
	for i, in := range inputs {
		if i < len(donate) && donate[i] {
			in.(*buffer).flat = nil
		}
	}
	e.forget()
	return outputs, nil
}

// forget drops what belongs to the caller.
func (e *executable) forget() {
	for _, s := range e.inputSlots {
		e.memory[s] = nil
	}
	for _, o := range e.outputs {
		if o.own {
			e.memory[o.slot] = nil
		}
	}
}
