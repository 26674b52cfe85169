package simd

import (
	"fmt"

	"github.com/gomlx/compute"
)

// lowerPortable has an operation done by the Go backend, as a program of its own.
func (c *compiler) lowerPortable(n *node) error {
	portable := c.backend.portable
	bl, _, err := c.backend.rehearse(n.inputs, n.replay)
	if err != nil {
		return err
	}
	program, err := bl.Compile()
	if err != nil {
		return err
	}
	reads := make([]int, len(n.inputs))
	for i, in := range n.inputs {
		reads[i] = c.where[in]
	}
	writes := make([]int, len(n.outs))
	for i, out := range n.outs {
		writes[i] = c.result(out)
	}
	run := func(m *memory) error {
		inputs := make([]compute.Buffer, len(reads))
		for i, s := range reads {
			b, err := portable.BufferFromFlatData(0, (*m)[s], n.inputs[i].shape())
			if err != nil {
				return err
			}
			inputs[i] = b
		}
		outs, err := program.Execute(inputs, nil, 0)
		if err != nil {
			return err
		}
		for i, b := range outs {
			if err := b.ToFlatData((*m)[writes[i]]); err != nil {
				return err
			}
			if err := b.Finalize(); err != nil {
				return err
			}
		}
		for _, b := range inputs {
			if err := b.Finalize(); err != nil {
				return err
			}
		}
		return nil
	}
	c.emit("portable "+n.op.String(), reads, writes, func(m *memory) {
		if err := run(m); err != nil {
			panic(fmt.Errorf("backend %s: %s on the Go backend: %w", Name, n.op, err))
		}
	})
	return nil
}
