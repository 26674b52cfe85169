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
	var donated []*buffer
	for i, in := range inputs {
		b, ok := in.(*buffer)
		if !ok || b.flat == nil || b.backend != e.backend {
			return nil, fmt.Errorf("backend %s: input %q is not a live buffer of this backend", Name, e.names[i])
		}
		if !b.shape.Equal(e.inputs[i]) {
			return nil, fmt.Errorf("backend %s: input %q is %s, want %s", Name, e.names[i], b.shape, e.inputs[i])
		}
		e.memory[e.inputSlots[i]] = b.flat
		if i < len(donate) && donate[i] {
			donated = append(donated, b)
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
	outputs := make([]compute.Buffer, len(e.outputs))
	for i, o := range e.outputs {
		out := newBuffer(e.backend, o.shape)
		if err := copyFlat(out.flat, e.memory[o.slot]); err != nil {
			return nil, err
		}
		outputs[i] = out
	}
	for _, b := range donated {
		b.flat = nil
	}
	for _, s := range e.inputSlots {
		e.memory[s] = nil
	}
	return outputs, nil
}
