package simd

import (
	"slices"

	"github.com/gomlx/compute"
)

// minAgain is the fewest elements of a tensor that is computed again: 4 MiB. Tests change it.
var minAgain = 1 << 20

// minChannels are the channels from which on the convolutions that read a tensor
// take so much longer than a pass over it that another one does not matter.
const minChannels = 64

// findAgain finds outputs of residual blocks that are not kept for the backward pass: a batch
// norm plus a residual is one pass over what is kept anyway. Every other one
// is: the residual that it needs would have to be computed again first, and so on down to the stem.
func (c *compiler) findAgain() {
	c.backwardFrom = slices.IndexFunc(c.f.nodes, func(n *node) bool { return c.live[n.id] && n.op == compute.OpTypeBatchNormGradient })
	if c.backwardFrom < 0 {
		return
	}
	for _, n := range c.f.nodes[:c.backwardFrom] {
		ch := c.forward[n.id]
		if ch == nil || ch.residual == nil || ch.norm.op != compute.OpTypeBatchNormForTraining || c.again[ch.residual] != nil || c.halves[ch.norm] != nil ||
			c.isOutput[n] || ch.out.shape().Size() < minAgain || ch.out.shape().Dim(-1) < minChannels {
			continue
		}
		late := func(u *node) bool {
			k := matchConv(u)
			return k != nil && k.op == weightGrad && k.a == ch.out && u.id > c.backwardFrom
		}
		if slices.ContainsFunc(c.usersOf(ch.out), late) {
			c.again[ch.out] = ch
		}
	}
}

// computeAgain computes v again if a node of the backward pass reads it and it
// is not kept. From here on that is where v is.
func (c *compiler) computeAgain(reader *node, v *value) {
	ch := c.again[v]
	if ch == nil || reader.id < c.backwardFrom {
		return
	}
	delete(c.again, v)
	kept := c.where[ch.residual]
	if r := c.forward[ch.residual.node.id]; r != nil && r.out == ch.residual && r.residual == nil {
		c.lowerForward(r) // a residual that is a norm itself need not wait either
	}
	c.lowerForward(ch)
	c.where[ch.residual] = kept
}
