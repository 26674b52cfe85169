package simd

import (
	"alike/internal/kernel/norm"
)

// findFolds finds convolutions that read a normalised tensor and can normalise what
// they read themselves: they copy it anyway, with its border or transformed, into a cache.
//
// The gradient of the weights always does, so that the tensor need not wait for it:
// the norm's own input waits for the norm's gradient as it is. The convolution does where nothing
// else reads the tensor, which then is never stored.
func (c *compiler) findFolds() {
	own := map[*node]bool{} // ReLU gradients that need no output of the ReLU
	for _, ch := range c.backward {
		if ch.own() {
			own[ch.mask] = true
		}
	}
	for _, ch := range c.forward {
		if ch.residual != nil || c.halves[ch.norm] != nil || !isFloat32(ch.out.shape()) || ch.out.shape().Size() == 0 {
			continue
		}
		stored := c.isOutput[ch.out.node]
		for _, u := range c.usersOf(ch.out) {
			if u == ch.condition {
				continue
			}
			k := matchConv(u)
			folds := k != nil && k.op != inputGrad && k.a == ch.out && k.b != ch.out
			if folds && k.op == weightGrad {
				c.folded[u] = ch
			}
			stored = stored || !folds
		}
		if ch.relu {
			for _, u := range c.users[ch.condition.id] {
				stored = stored || u != ch.out.node && !own[u]
			}
		}
		if stored {
			continue
		}
		for _, u := range c.usersOf(ch.out) {
			c.folded[u] = ch
		}
		c.absorbed[ch.out.node.id] = true
		delete(c.forward, ch.out.node.id)
	}
}

// input returns the slots that a convolution reads for its input, and how it gets the
// input and what to make of it when it runs. There is nothing to make of most.
func (c *compiler) input(n *node, v *value) (reads []int, get func(m *memory) ([]float32, *norm.Map)) {
	ch := c.folded[n]
	if ch == nil {
		c.computeAgain(n, v)
		x := c.where[v]
		return []int{x}, func(m *memory) ([]float32, *norm.Map) { return m.floats(x), nil }
	}
	in, eps := ch.norm.inputs, ch.norm.attrs.(normAttr).epsilon
	reads = []int{c.where[in[0]], c.where[in[1]], c.where[in[2]], c.where[ch.mean], c.where[ch.variance]}
	var s norm.Scratch
	return reads, func(m *memory) ([]float32, *norm.Map) {
		return m.floats(reads[0]), s.Map(&norm.Forward[float32]{
			Scale: m.floats(reads[1]), Offset: m.floats(reads[2]), Mean: m.floats(reads[3]), Variance: m.floats(reads[4]),
			Epsilon: eps, ReLU: ch.relu,
		})
	}
}
