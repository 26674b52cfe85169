package simd

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/conv"
	"alike/internal/kernel/reduce"
)

// lowerKernel adds the kernel of a node, if there is one for it.
func (c *compiler) lowerKernel(n *node) bool {
	if slices.ContainsFunc(n.shapes, func(s shapes.Shape) bool { return s.Size() == 0 }) {
		return false
	}
	if allHalf(n) {
		return c.lowerHalf(n)
	}
	if slices.ContainsFunc(n.shapes, func(s shapes.Shape) bool { return !isFloat32(s) }) {
		return false
	}
	switch n.op {
	case compute.OpTypeConvGeneral:
		return c.lowerConv(n)
	case compute.OpTypeDotGeneral:
		return c.lowerDot(n)
	case compute.OpTypeReduceWindow, compute.OpTypeSelectAndScatterMax:
		return c.lowerMaxPool(n)
	case compute.OpTypeReduceSum:
		return c.lowerReduce(n, reduce.Sum)
	case compute.OpTypeReduceMax:
		return c.lowerReduce(n, reduce.Max)
	case compute.OpTypeReduceMin:
		return c.lowerReduce(n, reduce.Min)
	case compute.OpTypeTranspose:
		return c.lowerTranspose(n)
	case compute.OpTypeSlice:
		return c.lowerSlice(n)
	case compute.OpTypeConcatenate:
		return c.lowerConcatenate(n)
	}
	return false
}

func (c *compiler) slotsOf(values []*value) []int {
	out := make([]int, len(values))
	for i, v := range values {
		out[i] = c.where[v]
	}
	return out
}

func (c *compiler) lowerConv(n *node) bool {
	k := matchConv(n)
	if k == nil {
		return c.lowerDepthwise(n)
	}
	k.shape.Direct = c.backend.direct
	p, lv := c.backend.pool, c.backend.level
	reads, input := c.input(n, k.a)
	b, y := c.where[k.b], c.result(n.outs[0])
	reads = append(reads, b)
	switch k.op {
	case forward:
		c.emit("conv forward", reads, []int{y}, func(m *memory) {
			x, in := input(m)
			conv.Forward(p, lv, k.shape, in, x, m.floats(b), m.floats(y))
		})
	case inputGrad:
		c.emit("conv input gradient", reads, []int{y}, func(m *memory) {
			dy, _ := input(m)
			conv.InputGrad(p, lv, k.shape, dy, m.floats(b), nil, m.floats(y))
		})
	case weightGrad:
		c.emit("conv weight gradient", reads, []int{y}, func(m *memory) {
			x, in := input(m)
			conv.WeightGrad(p, lv, k.shape, in, x, m.floats(b), m.floats(y))
		})
	}
	c.describeConv(k.shape)
	return true
}

// describeConv says what the last step multiplies.
func (c *compiler) describeConv(s conv.Shape) {
	last := &c.steps[len(c.steps)-1]
	last.shape = fmt.Sprintf("%d x %dx%dx%d -> %dx%dx%d, %dx%d", s.N, s.H, s.W, s.C, s.OutH, s.OutW, s.O, s.KH, s.KW)
	last.flops = 2 * float64(s.N*s.OutH*s.OutW*s.O) * float64(s.KH*s.KW*s.C)
}

// lowerReduce recognises reductions of neighbouring axes.
func (c *compiler) lowerReduce(n *node, op reduce.Op) bool {
	x := n.inputs[0].shape()
	if x.Size() == 0 {
		return false
	}
	axes := slices.Sorted(slices.Values(n.attrs.(axesAttr)))
	if len(axes) == 0 {
		for i := range x.Rank() {
			axes = append(axes, i)
		}
	}
	if len(axes) == 0 || axes[len(axes)-1]-axes[0] != len(axes)-1 {
		return false
	}
	outer, count, inner := sizeOf(x.Dimensions[:axes[0]]), sizeOf(x.Dimensions[axes[0]:axes[0]+len(axes)]), sizeOf(x.Dimensions[axes[0]+len(axes):])
	reads, y := c.slotsOf(n.inputs), c.result(n.outs[0])
	c.emit("reduction", reads, []int{y}, func(m *memory) {
		reduce.Axis(c.backend.pool, c.backend.level, op, m.floats(y), m.floats(reads[0]), outer, count, inner)
	})
	return true
}

func sizeOf(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
