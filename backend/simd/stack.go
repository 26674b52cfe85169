package simd

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/depthwise"
	"alike/internal/kernel/gemm"
)

// stacked is one side of a product of stacks of matrices, where they lie: the distances between matrices along the
// axes of the stack, between what is not summed, and between what is.
type stacked struct {
	batch         []int
	free, summed  int
	count, length int // of what is not summed, and of what is
}

// stackOf reads one side; false unless one axis is summed, and one other is left.
func stackOf(x shapes.Shape, contract, batch []int) (s stacked, ok bool) {
	if !isFloat32(x) || len(contract) != 1 || len(batch) != x.Rank()-2 {
		return s, false
	}
	steps := stepsOf(x)
	for _, axis := range batch {
		s.batch = append(s.batch, steps[axis])
	}
	for axis, d := range x.Dimensions {
		switch {
		case axis == contract[0]:
			s.summed, s.length = steps[axis], d
		case !slices.Contains(batch, axis):
			s.free, s.count = steps[axis], d
		}
	}
	return s, s.summed == 1 || s.free == 1
}

// lowerDot recognises products of matrices, [M, K] and [K, N], and of stacks of them, [..., M, K] and [..., K, N], with
// their axes in any order in which a matrix has rows: as attention has them, which are not moved.
func (c *compiler) lowerDot(n *node) bool {
	attr := n.attrs.(dotAttr)
	l, ok1 := stackOf(n.inputs[0].shape(), attr.lhsContract, attr.lhsBatch)
	r, ok2 := stackOf(n.inputs[1].shape(), attr.rhsContract, attr.rhsBatch)
	if !ok1 || !ok2 {
		return false
	}
	dims := n.shapes[0].Dimensions
	dims = dims[:len(dims)-2]
	args := gemm.Args{M: l.count, N: r.count, K: l.length, LDA: l.free, LDB: r.summed, LDC: r.count}
	if args.TransA = l.summed != 1; args.TransA {
		args.LDA = l.summed
	}
	if args.TransB = r.free != 1; args.TransB {
		args.LDB = r.free
	}
	reads, y, matrices := c.slotsOf(n.inputs), c.result(n.outs[0]), sizeOf(dims)
	name, shape := "product", fmt.Sprintf("%d x %d x %d", args.M, args.N, args.K)
	if len(dims) > 0 {
		name, shape = "products", fmt.Sprintf("%d of %s", matrices, shape)
	}
	c.emit(name, reads, []int{y}, func(m *memory) {
		x, w, z := m.floats(reads[0]), m.floats(reads[1]), m.floats(y)
		c.backend.pool.Run(matrices, func(i int) {
			a := args
			a.A, a.B, a.C = x[offset(i, dims, l.batch):], w[offset(i, dims, r.batch):], z[i*a.M*a.N:][:a.M*a.N]
			gemm.Run(c.backend.pool, c.backend.level, &a)
		})
	})
	last := &c.steps[len(c.steps)-1]
	last.shape, last.flops = shape, 2*float64(matrices*args.M*args.N)*float64(args.K)
	return true
}

// lowerDepthwise recognises a layer's convolution that has a group for each channel.
func (c *compiler) lowerDepthwise(n *node) bool {
	attr, ok := n.attrs.(convAttr)
	x, w := n.inputs[0].shape(), n.inputs[1].shape()
	if !ok || !sameAxes(attr.axes, forwardAxes) || x.Rank() != 4 || !isFloat32(x) || !isFloat32(w) || pair(attr.inputDilations, 1) != ones {
		return false
	}
	channels, k, y := x.Dimensions[3], w.Dimensions, n.shapes[0].Dimensions
	if attr.groups != channels || k[2] != 1 || k[3] != channels || channels == 1 {
		return false
	}
	strides, dilations, pads := pair(attr.strides, 1), pair(attr.kernelDilations, 1), [2][2]int{}
	copy(pads[:], attr.paddings)
	s := depthwise.Shape{
		N: x.Dimensions[0], H: x.Dimensions[1], W: x.Dimensions[2], C: channels, KH: k[0], KW: k[1],
		StrideH: strides[0], StrideW: strides[1], DilationH: dilations[0], DilationW: dilations[1], PadTop: pads[0][0], PadLeft: pads[1][0], OutH: y[1], OutW: y[2],
	}
	reads, out := c.slotsOf(n.inputs), c.result(n.outs[0])
	c.emit("depthwise convolution", reads, []int{out}, func(m *memory) {
		depthwise.Forward(c.backend.pool, c.backend.level, s, m.floats(reads[0]), m.floats(reads[1]), m.floats(out))
	})
	last := &c.steps[len(c.steps)-1]
	last.shape = fmt.Sprintf("%d x %dx%dx%d -> %dx%d, %dx%d", s.N, s.H, s.W, s.C, s.OutH, s.OutW, s.KH, s.KW)
	last.flops = 2 * float64(sizeOf(y)*s.KH*s.KW)
	return true
}
