package simd

import (
	"slices"

	"github.com/gomlx/compute"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/norm"
)

// forwardChain is a batch norm with what follows it, in one pass: y, y + residual,
// or the ReLU of either.
type forwardChain struct {
	norm      *node
	mean      *value // computed in training, given in inference
	variance  *value
	residual  *value // or nil
	relu      bool
	condition *node  // of the ReLU
	out       *value // of the last operation
}

// backwardChain is a batch norm's gradient with the ReLU's before it: the
// gradient reaches the norm where y, the output of the ReLU, is positive.
type backwardChain struct {
	norm *node         // the BatchNormGradient
	relu *forwardChain // whose output is y, or nil: no ReLU
	mask *node         // Where(y ≤ 0, 0, dy), whose elements the step writes too if others read them
	keep bool          // they do
}

// own says whether the norm's own operands say where y is positive, without y:
// nothing came between the norm and the ReLU.
func (ch *backwardChain) own() bool {
	if ch.relu == nil || ch.keep || ch.relu.residual != nil {
		return false
	}
	f, in := ch.relu.norm, ch.norm.inputs
	return in[0] == f.inputs[0] && in[1] == f.inputs[1] && in[2] == ch.relu.mean && in[3] == ch.relu.variance &&
		ch.norm.attrs.(normAttr).epsilon == f.attrs.(normAttr).epsilon
}

// chains recognises batch norms with their neighbours, as internal/nn writes
// them and GoMLX differentiates them. It sets c.at for the node at whose place
// a chain runs, and c.absorbed for those that a chain computes.
func (c *compiler) chains() {
	relus := map[*node]*forwardChain{} // by condition
	for _, n := range c.f.nodes {
		ch := &forwardChain{norm: n}
		switch {
		case !c.live[n.id]:
			continue
		case n.op == compute.OpTypeBatchNormForTraining:
			ch.mean, ch.variance = n.outs[1], n.outs[2]
		case n.op == compute.OpTypeBatchNormForInference:
			ch.mean, ch.variance = n.inputs[3], n.inputs[4]
		default:
			continue
		}
		ch.out = n.outs[0]
		if conversion := c.halves[n]; conversion != nil {
			ch.out = conversion.outs[0]
		}
		if add := c.onlyUser(ch.out); add != nil && add.op == compute.OpTypeAdd && !c.absorbed[add.id] {
			other := add.inputs[0]
			if other == ch.out {
				other = add.inputs[1]
			}
			if other != ch.out && other.shape().Equal(ch.out.shape()) {
				ch.residual, ch.out = other, add.outs[0]
				c.absorbed[add.id] = true
			}
		}
		if condition, where := c.reluOf(ch.out); where != nil {
			ch.relu, ch.condition, ch.out = true, condition, where.outs[0]
			c.absorbed[where.id] = true
			relus[condition] = ch
			// whoever asks for the condition later learns it from the output
			c.inline[condition.id] = true
			c.instead[condition.inputs[0]] = ch.out
		}
		c.forward[ch.out.node.id] = ch
	}
	for _, n := range c.f.nodes {
		if !c.live[n.id] || n.op != compute.OpTypeBatchNormGradient {
			continue
		}
		ch, at := &backwardChain{norm: n}, n
		inputs := c.operands(n)
		if where := inputs[4].node; c.masks(where, relus) && !c.absorbed[where.id] {
			ch.keep = c.isOutput[where] || len(c.users[where.id]) > 1
			early := !slices.ContainsFunc(inputs[:4], func(v *value) bool { return v.node.id > where.id })
			if early || !ch.keep {
				ch.relu, ch.mask = relus[where.inputs[0].node], where
				c.absorbed[where.id], c.absorbed[n.id] = true, true
			}
			if ch.mask != nil && ch.keep {
				at = where
			}
		}
		c.backward[at.id] = ch
	}
}

// onlyUser is the one node that reads v, or nil.
func (c *compiler) onlyUser(v *value) *node {
	if u := c.usersOf(v); len(u) == 1 && !slices.Contains(c.f.outputs, v) {
		return u[0]
	}
	return nil
}

// usersOf are the live nodes that read v, each once, in order.
func (c *compiler) usersOf(v *value) (users []*node) {
	for _, u := range slices.Backward(c.users[v.node.id]) {
		if slices.Contains(c.operands(u), v) && !slices.Contains(users, u) {
			users = append(users, u)
		}
	}
	return users
}

// reluOf finds Where(z ≤ 0, 0, z), if nothing else reads z, and everything else
// that reads its condition comes later and is part of a loop, which a reshape need not be.
func (c *compiler) reluOf(z *value) (condition, where *node) {
	users := c.usersOf(z)
	if len(users) != 2 || slices.Contains(c.f.outputs, z) {
		return nil, nil
	}
	condition, where = users[0], users[1]
	if condition.op != compute.OpTypeLessOrEqual || condition.inputs[0] != z || !isZero(condition.inputs[1]) || c.isOutput[condition] ||
		where.op != compute.OpTypeWhere || where.inputs[0] != condition.outs[0] || !isZero(where.inputs[1]) || where.inputs[2] != z {
		return nil, nil
	}
	for _, u := range c.users[condition.id] {
		if u != where && (u.id < where.id || !fusible(u) || u.op == compute.OpTypeReshape || u.shapes[0].Size() != z.shape().Size()) {
			return nil, nil
		}
	}
	return condition, where
}

// masks says whether n is the gradient of a recognised ReLU.
func (c *compiler) masks(n *node, relus map[*node]*forwardChain) bool {
	return n.op == compute.OpTypeWhere && relus[n.inputs[0].node] != nil && isZero(n.inputs[1]) &&
		n.inputs[2].shape().Equal(n.shapes[0])
}

// isZero says whether every element of v is 0 for certain.
func isZero(v *value) bool {
	for v.node.op == compute.OpTypeBroadcastInDim || v.node.op == compute.OpTypeReshape {
		v = v.node.inputs[0]
	}
	switch x := v.node.attrs.(type) {
	case []float32:
		return !slices.ContainsFunc(x, func(e float32) bool { return e != 0 })
	case []bf16.T:
		return !slices.ContainsFunc(x, func(e bf16.T) bool { return e.Float32() != 0 })
	}
	return false
}

// lowerStats adds the statistics of a batch norm in training, where it stands.
func (c *compiler) lowerStats(n *node) {
	if c.halves[n] != nil {
		lowerStats[bf16.T](c, n)
	} else {
		lowerStats[float32](c, n)
	}
}

func lowerStats[E norm.Element](c *compiler, n *node) {
	x, mean, variance := c.where[c.operands(n)[0]], c.result(n.outs[1]), c.result(n.outs[2])
	var s norm.Scratch
	c.emit("batch norm statistics", []int{x}, []int{mean, variance}, func(m *memory) {
		norm.Stats(c.backend.pool, c.backend.level, &s, elements[E](m, x), m.floats(mean), m.floats(variance))
	})
}

// lowerForward adds the normalisation, where the chain ends.
func (c *compiler) lowerForward(ch *forwardChain) {
	if c.halves[ch.norm] != nil {
		lowerForward[bf16.T](c, ch)
	} else {
		lowerForward[float32](c, ch)
	}
}

func lowerForward[E norm.Element](c *compiler, ch *forwardChain) {
	n := ch.norm
	in := c.operands(n)
	reads := []int{c.where[in[0]], c.where[in[1]], c.where[in[2]], c.where[ch.mean], c.where[ch.variance]}
	name := "batch norm"
	if ch.residual != nil {
		reads = append(reads, c.where[ch.residual])
		name += " + residual"
	}
	if ch.relu {
		name += " + ReLU"
	}
	y, eps := c.result(ch.out), n.attrs.(normAttr).epsilon
	var s norm.Scratch
	c.emit(name, reads, []int{y}, func(m *memory) {
		f := norm.Forward[E]{
			X: elements[E](m, reads[0]), Y: elements[E](m, y), Scale: m.floats(reads[1]), Offset: m.floats(reads[2]),
			Mean: m.floats(reads[3]), Variance: m.floats(reads[4]), Epsilon: eps, ReLU: ch.relu,
		}
		if ch.residual != nil {
			f.Residual = elements[E](m, reads[5])
		}
		norm.Normalize(c.backend.pool, c.backend.level, &s, &f)
	}, slices.Delete(slices.Clone(reads), 1, 5)...)
}

// lowerBackward adds the gradient of a batch norm.
func (c *compiler) lowerBackward(ch *backwardChain) {
	if c.halves[ch.norm] != nil {
		lowerBackward[bf16.T](c, ch)
	} else {
		lowerBackward[float32](c, ch)
	}
}

func lowerBackward[E norm.Element](c *compiler, ch *backwardChain) {
	n := ch.norm
	in, out, eps, name := c.operands(n), n.outs[0], n.attrs.(normAttr).epsilon, "batch norm gradient"
	if conversion := c.halves[n]; conversion != nil {
		out = conversion.outs[0]
	}
	reads, y, offset, residual := c.slotsOf(in[:4]), -1, -1, -1
	switch {
	case ch.mask == nil:
		reads = append(reads, c.where[in[4]])
	case ch.own():
		offset = c.where[ch.relu.norm.inputs[2]]
		reads = append(reads, c.where[ch.mask.inputs[2]], offset)
		name = "batch norm + own ReLU gradient"
	default:
		c.computeAgain(n, ch.relu.out)
		y = c.where[ch.relu.out]
		reads = append(reads, c.where[ch.mask.inputs[2]], y)
		name = "batch norm + ReLU gradient"
	}
	sums := []int{c.result(n.outs[1]), c.result(n.outs[2])}
	dx := c.result(out)
	writes := []int{dx}
	if ch.keep && ch.mask != nil {
		residual = c.result(ch.mask.outs[0])
		writes = append(writes, residual)
		name = "batch norm + ReLU + residual gradient"
	}
	args := func(m *memory) *norm.Backward[E] {
		b := &norm.Backward[E]{
			X: elements[E](m, reads[0]), Scale: m.floats(reads[1]), Mean: m.floats(reads[2]), Variance: m.floats(reads[3]), DY: elements[E](m, reads[4]),
			Epsilon: eps, DScale: m.floats(sums[0]), DOffset: m.floats(sums[1]),
		}
		if y >= 0 {
			b.Y = elements[E](m, y)
		}
		if offset >= 0 {
			b.Offset = m.floats(offset)
		}
		return b
	}
	var s norm.Scratch
	c.emit("batch norm gradient sums", reads, sums, func(m *memory) {
		norm.GradSums(c.backend.pool, c.backend.level, &s, args(m))
	})
	c.emit(name, append(reads, sums...), writes, func(m *memory) {
		b := args(m)
		b.DX = elements[E](m, dx)
		if residual >= 0 {
			b.DResidual = elements[E](m, residual)
		}
		norm.GradInput(c.backend.pool, c.backend.level, &s, b)
	}, reads[4], reads[0])
}
