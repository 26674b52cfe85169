package simd

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/conv"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/maxpool"
)

// Programs of mixed precision keep activations in bfloat16 and convert them to
// float32 where they compute with more, as internal/nn writes it. Kernels that
// read and write bfloat16 take the place of conversions and what is between them.

func isHalf(s shapes.Shape) bool { return s.DType == dtypes.BFloat16 }

func (m memory) halves(slot int) []bf16.T { return m[slot].([]bf16.T) }

// elements are the elements of a slot of that type.
func elements[E float32 | bf16.T](m *memory, slot int) []E { return (*m)[slot].([]E) }

// allHalf says whether a node reads and writes bfloat16 only.
func allHalf(n *node) bool {
	return len(n.inputs) > 0 && !slices.ContainsFunc(n.inputs, func(v *value) bool { return !isHalf(v.shape()) }) &&
		!slices.ContainsFunc(n.shapes, func(s shapes.Shape) bool { return !isHalf(s) })
}

// widened is the bfloat16 that v is the float32 of, or nil.
func widened(v *value) *value {
	if v.node.op != compute.OpTypeConvertDType || !isFloat32(v.shape()) || !isHalf(v.node.inputs[0].shape()) {
		return nil
	}
	return v.node.inputs[0]
}

// unconverted are the inputs of a batch norm or its gradient, of which x and dy
// are read as bfloat16.
func unconverted(n *node) []*value {
	in := slices.Clone(n.inputs)
	in[0] = widened(in[0])
	if n.op == compute.OpTypeBatchNormGradient {
		in[4] = widened(in[4])
	}
	return in
}

// findHalves finds batch norms between conversions, and gradients of weights that
// are converted to float32: the sums are float32 before they are rounded.
func (c *compiler) findHalves() {
	for _, n := range c.f.nodes {
		if !c.live[n.id] {
			continue
		}
		to := dtypes.BFloat16
		switch n.op {
		case compute.OpTypeBatchNormForTraining, compute.OpTypeBatchNormForInference, compute.OpTypeBatchNormGradient:
			if slices.Contains(unconverted(n), nil) {
				continue
			}
		case compute.OpTypeConvGeneral, compute.OpTypeDotGeneral:
			if p := matchHalf(n); p == nil || p.op != weightGrad {
				continue
			}
			to = dtypes.Float32
		default:
			continue
		}
		if user := c.onlyUser(n.outs[0]); user != nil && user.op == compute.OpTypeConvertDType && user.shapes[0].DType == to {
			c.halves[n] = user
		}
	}
	if len(c.halves) > 0 {
		c.findLive() // without the conversions before them
	}
	for _, after := range c.halves {
		c.absorbed[after.id] = true
	}
	c.findSums()
}

// findSums finds gradients with respect to an image that are only added to another
// one: the sum is made where the second of them is known, by the convolution.
func (c *compiler) findSums() {
	for _, add := range c.f.nodes {
		if !c.live[add.id] || add.op != compute.OpTypeAdd || !allHalf(add) && !isFloat32(add.shapes[0]) || !add.inputs[0].shape().Equal(add.inputs[1].shape()) {
			continue
		}
		for i, in := range add.inputs {
			k := matchProduct(in.node)
			if k != nil && k.op == inputGrad && c.onlyUser(in) == add && in != add.inputs[1-i] && !c.absorbed[in.node.id] {
				c.sums[add] = in.node
				c.absorbed[add.id], c.absorbed[in.node.id] = true, true
				break
			}
		}
	}
}

// matchProduct recognises a convolution, or a product of bfloat16 as one.
func matchProduct(n *node) *convolution {
	if allHalf(n) {
		return matchHalf(n)
	}
	return matchConv(n)
}

// matchHalf recognises a product of bfloat16: a convolution, or one of matrices as
// a convolution of images of one pixel.
func matchHalf(n *node) *convolution {
	attr, ok := n.attrs.(dotAttr)
	if !allHalf(n) || !ok {
		if n.op == compute.OpTypeConvGeneral && allHalf(n) {
			return matchConv(n)
		}
		return nil
	}
	a, b := n.inputs[0], n.inputs[1]
	if len(attr.lhsBatch) > 0 || a.shape().Rank() != 2 || b.shape().Rank() != 2 || len(attr.lhsContract) != 1 {
		return nil
	}
	k := &convolution{a: a, b: b, shape: conv.Shape{N: a.shape().Dim(0), H: 1, W: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1, OutH: 1, OutW: 1}}
	switch transA, transB := attr.lhsContract[0] == 0, attr.rhsContract[0] == 1; {
	case transA && transB:
		return nil
	case transA:
		k.op, k.shape.C, k.shape.O = weightGrad, a.shape().Dim(1), b.shape().Dim(1)
	case transB:
		k.op, k.shape.O, k.shape.C = inputGrad, a.shape().Dim(1), b.shape().Dim(0)
	default:
		k.op, k.shape.C, k.shape.O = forward, a.shape().Dim(1), b.shape().Dim(1)
	}
	return k
}

// lowerHalf adds the kernel of a node of bfloat16, if there is one for it.
func (c *compiler) lowerHalf(n *node) bool {
	switch n.op {
	case compute.OpTypeConvGeneral, compute.OpTypeDotGeneral:
		return c.lowerHalfProduct(n)
	case compute.OpTypeReduceWindow, compute.OpTypeSelectAndScatterMax:
		return c.lowerHalfMaxPool(n)
	}
	return false
}

func (c *compiler) lowerHalfProduct(n *node) bool {
	k := matchHalf(n)
	if k == nil {
		return false
	}
	b, s, a, w := c.backend, k.shape, c.where[k.a], c.where[k.b]
	s.Direct = b.direct
	reads := []int{a, w}
	switch k.op {
	case forward:
		y := c.result(n.outs[0])
		c.emit("conv forward", reads, []int{y}, func(m *memory) {
			conv.ForwardHalf(b.pool, b.unit, b.level, s, m.halves(a), m.halves(w), m.halves(y))
		})
	case inputGrad:
		y := c.result(n.outs[0])
		c.emit("conv input gradient", reads, []int{y}, func(m *memory) {
			conv.InputGradHalf(b.pool, b.unit, b.level, s, m.halves(a), m.halves(w), nil, m.halves(y))
		})
	case weightGrad:
		if conversion := c.halves[n]; conversion != nil {
			y := c.result(conversion.outs[0])
			c.emit("conv weight gradient", reads, []int{y}, func(m *memory) {
				conv.WeightGradHalf(b.pool, b.unit, b.level, s, m.halves(a), m.halves(w), m.floats(y))
			})
			break
		}
		y := c.result(n.outs[0])
		c.emit("conv weight gradient", reads, []int{y}, func(m *memory) {
			dw := b.pool.Borrow(n.shapes[0].Size())
			defer b.pool.Return(dw)
			conv.WeightGradHalf(b.pool, b.unit, b.level, s, m.halves(a), m.halves(w), dw)
			bf16.Narrow(b.level, m.halves(y), dw)
		})
	}
	c.describeConv(s)
	return true
}

// lowerSum adds a gradient with respect to an image together with its sum.
func (c *compiler) lowerSum(add *node) {
	n := c.sums[add]
	k, other := matchProduct(n), add.inputs[0]
	if other.node == n {
		other = add.inputs[1]
	}
	k.shape.Direct = c.backend.direct
	b, a, w, plus, y := c.backend, c.where[k.a], c.where[k.b], c.where[other], c.result(add.outs[0])
	const name = "conv input gradient + sum"
	if allHalf(n) {
		c.emit(name, []int{a, w, plus}, []int{y}, func(m *memory) {
			conv.InputGradHalf(b.pool, b.unit, b.level, k.shape, m.halves(a), m.halves(w), m.halves(plus), m.halves(y))
		})
	} else {
		var over []int
		if plus != a && plus != w { // which the convolution reads while it writes
			over = []int{plus}
		}
		c.emit(name, []int{a, w, plus}, []int{y}, func(m *memory) {
			conv.InputGrad(b.pool, b.level, k.shape, m.floats(a), m.floats(w), m.floats(plus), m.floats(y))
		}, over...)
	}
	c.describeConv(k.shape)
}

// lowerHalfMaxPool widens image by image: maxima are exact, and sums of gradients
// are rounded once.
func (c *compiler) lowerHalfMaxPool(n *node) bool {
	s, ok := matchMaxPool(n)
	if !ok {
		return false
	}
	b, reads, out := c.backend, c.slotsOf(n.inputs), c.result(n.outs[0])
	one := s
	one.N = 1
	x, y := s.H*s.W*s.C, s.OutH*s.OutW*s.C
	if n.op == compute.OpTypeSelectAndScatterMax {
		c.emit("max pool gradient", reads, []int{out}, func(m *memory) {
			b.pool.Run(s.N, func(i int) {
				floats := b.pool.Borrow(2*x + y)
				defer b.pool.Return(floats)
				image, dy, dx := floats[:x], floats[x:x+y], floats[x+y:]
				bf16.Widen(b.level, image, m.halves(reads[0])[i*x:][:x])
				bf16.Widen(b.level, dy, m.halves(reads[1])[i*y:][:y])
				maxpool.Grad(b.pool, one, image, dy, dx)
				bf16.Narrow(b.level, m.halves(out)[i*x:][:x], dx)
			})
		})
		return true
	}
	c.emit("max pool", reads, []int{out}, func(m *memory) {
		b.pool.Run(s.N, func(i int) {
			floats := b.pool.Borrow(x + y)
			defer b.pool.Return(floats)
			bf16.Widen(b.level, floats[:x], m.halves(reads[0])[i*x:][:x])
			maxpool.Forward(b.pool, b.level, one, floats[:x], floats[x:])
			bf16.Narrow(b.level, m.halves(out)[i*y:][:y], floats[x:])
		})
	})
	return true
}

// fetchHalf is fetch for bfloat16.
func (ld *load) fetchHalf(lv cpu.Level, x []bf16.T, buf []float32, from, total int) []float32 {
	switch {
	case ld.n == 1 && ld.outer >= total:
		buf[0] = x[0].Float32()
		return buf[:1]
	case ld.inner == 1 && ld.n == total:
		bf16.Widen(lv, buf, x[from:from+len(buf)])
		return buf
	}
	ld.runs(buf, from, func(to []float32, at int) { fill(to, x[at].Float32()) }, func(to []float32, at int) { bf16.Widen(lv, to, x[at:at+len(to)]) })
	return buf
}
