package simd

import (
	"slices"

	"github.com/gomlx/compute"

	"alike/internal/kernel/maxpool"
)

// matchMaxPool recognises maxima of windows of the rows and columns of NHWC
// images, or their gradient.
func matchMaxPool(n *node) (s maxpool.Shape, ok bool) {
	attr := n.attrs.(windowAttr)
	x, y := n.inputs[0].shape(), n.shapes[0]
	if n.op == compute.OpTypeSelectAndScatterMax {
		y = n.inputs[1].shape()
	}
	if attr.reduction != compute.ReduceOpMax || !attr.plain || x.Rank() != 4 || x.Size() == 0 || y.Size() == 0 {
		return s, false
	}
	window, strides, pads := []int{1, 1, 1, 1}, []int{1, 1, 1, 1}, make([][2]int, 4)
	copy(window, attr.window)
	copy(strides, window) // the default
	copy(strides, attr.strides)
	copy(pads, attr.paddings)
	for _, axis := range []int{0, 3} {
		if window[axis] != 1 || strides[axis] != 1 || pads[axis] != [2]int{} {
			return s, false
		}
	}
	d, o := x.Dimensions, y.Dimensions
	return maxpool.Shape{
		N: d[0], H: d[1], W: d[2], C: d[3], KH: window[1], KW: window[2], StrideH: strides[1], StrideW: strides[2],
		PadTop: pads[1][0], PadLeft: pads[2][0], OutH: o[1], OutW: o[2],
	}, true
}

// lowerMaxPool adds the kernel of such a node.
func (c *compiler) lowerMaxPool(n *node) bool {
	s, ok := matchMaxPool(n)
	if !ok || slices.ContainsFunc(n.inputs, func(v *value) bool { return !isFloat32(v.shape()) }) {
		return false
	}
	reads, out := c.slotsOf(n.inputs), c.result(n.outs[0])
	if n.op == compute.OpTypeSelectAndScatterMax {
		c.emit("max pool gradient", reads, []int{out}, func(m *memory) {
			maxpool.Grad(c.backend.pool, s, m.floats(reads[0]), m.floats(reads[1]), m.floats(out))
		})
		return true
	}
	c.emit("max pool", reads, []int{out}, func(m *memory) {
		maxpool.Forward(c.backend.pool, c.backend.level, s, m.floats(reads[0]), m.floats(out))
	})
	return true
}
