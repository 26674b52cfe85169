package simd

import "github.com/gomlx/compute/shapes"

// Steps that only move elements.

// stepsOf are the distances between neighbours along each axis.
func stepsOf(x shapes.Shape) []int {
	steps := make([]int, x.Rank())
	for i, s := x.Rank()-1, 1; i >= 0; i-- {
		steps[i] = s
		s *= x.Dimensions[i]
	}
	return steps
}

// offset is where element i of an array of such dimensions lies, whose neighbours along each axis are steps apart.
func offset(i int, dims, steps []int) (at int) {
	for axis := len(dims) - 1; axis >= 0; axis-- {
		at += i % dims[axis] * steps[axis]
		i /= dims[axis]
	}
	return at
}

// lowerTranspose copies in the order of the result, row after row.
func (c *compiler) lowerTranspose(n *node) bool {
	x, perm := n.inputs[0].shape(), n.attrs.(axesAttr)
	if !isFloat32(x) || x.Rank() == 0 {
		return false
	}
	steps := stepsOf(x)
	from := make([]int, len(perm))
	for i, axis := range perm {
		from[i] = steps[axis]
	}
	c.emitView("transpose", n, 0, from)
	return true
}

// lowerSlice copies what is taken of each axis.
func (c *compiler) lowerSlice(n *node) bool {
	x, attr := n.inputs[0].shape(), n.attrs.(sliceAttr)
	if !isFloat32(x) || x.Rank() == 0 {
		return false
	}
	steps, start := stepsOf(x), 0
	for i := range steps {
		start += attr.starts[i] * steps[i]
		if len(attr.strides) > 0 {
			steps[i] *= attr.strides[i]
		}
	}
	c.emitView("slice", n, start, steps)
	return true
}

// emitView adds a step that copies from the input the elements start + Σ i steps, for each index of the result, row
// after row.
func (c *compiler) emitView(name string, n *node, start int, from []int) {
	dims := n.shapes[0].Dimensions
	row, step := dims[len(dims)-1], from[len(from)-1]
	reads, y := c.slotsOf(n.inputs), c.result(n.outs[0])
	c.emit(name, reads, []int{y}, func(m *memory) {
		src, dst := m.floats(reads[0]), m.floats(y)
		const together = 4096 // elements of a task
		rows := max(1, together/row)
		c.backend.pool.Run((len(dst)/row+rows-1)/rows, func(task int) {
			for r := task * rows; r < min((task+1)*rows, len(dst)/row); r++ {
				at := start + offset(r, dims[:len(dims)-1], from)
				out := dst[r*row : (r+1)*row]
				if step == 1 {
					copy(out, src[at:])
					continue
				}
				for i := range out {
					out[i] = src[at+i*step]
				}
			}
		})
	})
}

// lowerConcatenate copies each operand's rows to their place.
func (c *compiler) lowerConcatenate(n *node) bool {
	axis, dims := n.attrs.(axesAttr)[0], n.shapes[0].Dimensions
	for _, in := range n.inputs {
		if !isFloat32(in.shape()) {
			return false
		}
	}
	inner, outer := sizeOf(dims[axis+1:]), sizeOf(dims[:axis])
	reads, y := c.slotsOf(n.inputs), c.result(n.outs[0])
	lengths := make([]int, len(n.inputs)) // of a row
	for i, in := range n.inputs {
		lengths[i] = in.shape().Dimensions[axis] * inner
	}
	c.emit("concatenation", reads, []int{y}, func(m *memory) {
		dst, whole := m.floats(y), dims[axis]*inner
		c.backend.pool.Run(outer, func(r int) {
			at := r * whole
			for i, length := range lengths {
				copy(dst[at:at+length], m.floats(reads[i])[r*length:])
				at += length
			}
		})
	})
	return true
}
