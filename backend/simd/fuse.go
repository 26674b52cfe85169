package simd

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/eltwise"
)

// elementwise are the operations that a loop can hold.
var elementwise = map[compute.OpType]eltwise.Op{
	compute.OpTypeAdd: eltwise.Add, compute.OpTypeSub: eltwise.Sub, compute.OpTypeMul: eltwise.Mul, compute.OpTypeDiv: eltwise.Div,
	compute.OpTypeMax: eltwise.Max, compute.OpTypeMin: eltwise.Min, compute.OpTypePow: eltwise.Pow,
	compute.OpTypeEqual: eltwise.Eq, compute.OpTypeNotEqual: eltwise.Ne,
	compute.OpTypeLessThan: eltwise.Lt, compute.OpTypeLessOrEqual: eltwise.Le,
	compute.OpTypeGreaterThan: eltwise.Gt, compute.OpTypeGreaterOrEqual: eltwise.Ge,
	compute.OpTypeLogicalAnd: eltwise.And, compute.OpTypeLogicalOr: eltwise.Or, compute.OpTypeLogicalXor: eltwise.Xor,
	compute.OpTypeNeg: eltwise.Neg, compute.OpTypeAbs: eltwise.Abs, compute.OpTypeSign: eltwise.Sign,
	compute.OpTypeSqrt: eltwise.Sqrt, compute.OpTypeRsqrt: eltwise.Rsqrt,
	compute.OpTypeFloor: eltwise.Floor, compute.OpTypeCeil: eltwise.Ceil, compute.OpTypeRound: eltwise.Round,
	compute.OpTypeLogicalNot: eltwise.Not, compute.OpTypeIsNaN: eltwise.IsNaN, compute.OpTypeIsFinite: eltwise.IsFinite,
	compute.OpTypeExp: eltwise.Exp, compute.OpTypeLog: eltwise.Log, compute.OpTypeTanh: eltwise.Tanh, compute.OpTypeLogistic: eltwise.Logistic,
	compute.OpTypeExpm1: eltwise.Expm1, compute.OpTypeLog1p: eltwise.Log1p, compute.OpTypeSin: eltwise.Sin, compute.OpTypeCos: eltwise.Cos,
	compute.OpTypeErf: eltwise.Erf,
}

// maxLoop is the most operations of one loop, so that its tiles stay in cache.
const maxLoop = 24

// fusible says whether a loop can hold the node: float32, bfloat16 (as float32)
// and booleans (as masks), with operands of the result's shape or spread over it.
func fusible(n *node) bool {
	if len(n.shapes) != 1 || !laneType(n.shapes[0]) || n.shapes[0].Size() == 0 {
		return false
	}
	switch n.op {
	case compute.OpTypeWhere, compute.OpTypeBroadcastInDim:
	case compute.OpTypeConvertDType: // between masks and numbers, and between numbers
	case compute.OpTypeReshape: // the elements keep their order
		return laneType(n.inputs[0].shape())
	default:
		if _, ok := elementwise[n.op]; !ok {
			return false
		}
	}
	for i, in := range n.inputs {
		if !laneType(in.shape()) {
			return false
		}
		if _, ok := spreadOf(n, i); !ok {
			return false
		}
	}
	return true
}

func laneType(s shapes.Shape) bool { return isFloat32(s) || isHalf(s) || isMask(s) }

func isMask(s shapes.Shape) bool { return s.DType == dtypes.Bool }

// spread says which element of an operand belongs to element i of a result:
// (i / outer) n + (i / inner) % n.
type spread struct{ n, inner, outer int }

// spreadOf is the spread of a node's operand; false if it has no such form.
func spreadOf(n *node, operand int) (spread, bool) {
	in, out := n.inputs[operand].shape(), n.shapes[0]
	var axes []int // where the operand's axes are in the result
	switch {
	case n.op == compute.OpTypeReshape:
		return spread{out.Size(), 1, out.Size()}, true
	case n.op == compute.OpTypeBroadcastInDim:
		axes = n.attrs.(axesAttr)
	case in.Size() == 1:
		return spread{1, 1, out.Size()}, true
	case in.Rank() == out.Rank():
		for i := range in.Dimensions {
			axes = append(axes, i)
		}
	default:
		return spread{}, false
	}
	return spreadAxes(in.Dimensions, out.Dimensions, axes)
}

// spreadAxes finds the runs of the result's axes that the operand's axes longer
// than 1 fill, in order: none, one, or the first axes and one more run.
func spreadAxes(in, out, axes []int) (spread, bool) {
	var runs [][2]int // [from, to) of the result's axes
	for i, axis := range axes {
		if in[i] == 1 {
			continue
		}
		last := len(runs) - 1
		if in[i] != out[axis] || last >= 0 && axis < runs[last][1] {
			return spread{}, false
		}
		if last >= 0 && sizeOf(out[runs[last][1]:axis]) == 1 {
			runs[last][1] = axis + 1
		} else {
			runs = append(runs, [2]int{axis, axis + 1})
		}
	}
	total := sizeOf(out)
	switch {
	case len(runs) == 0:
		return spread{1, 1, total}, true
	case len(runs) == 1:
		return spread{sizeOf(out[runs[0][0]:runs[0][1]]), sizeOf(out[runs[0][1]:]), total}, true
	case len(runs) == 2 && sizeOf(out[:runs[0][0]]) == 1:
		return spread{sizeOf(out[runs[1][0]:runs[1][1]]), sizeOf(out[runs[1][1]:]), sizeOf(out[runs[0][1]:])}, true
	}
	return spread{}, false
}

// fuse forms loops. A loop ends in a node that others read; it takes in each
// operand of its elements' number that nothing outside of it reads.
func (c *compiler) fuse() {
	for _, n := range c.f.nodes {
		c.inline[n.id] = c.inline[n.id] || c.live[n.id] && c.inlines(n)
	}
	for i := len(c.f.nodes) - 1; i >= 0; i-- {
		root := c.f.nodes[i]
		if !c.live[i] || c.member[i] != nil || c.inline[i] || c.absorbed[i] || root.op == compute.OpTypeReshape || !fusible(root) {
			continue
		}
		c.member[i] = root
		candidates := c.inputsOf(nil, root)
		for count := 1; len(candidates) > 0 && count < maxLoop; {
			n := slices.MaxFunc(candidates, func(a, b *node) int { return a.id - b.id })
			candidates = slices.DeleteFunc(candidates, func(m *node) bool { return m == n })
			inside := !slices.ContainsFunc(c.users[n.id], func(u *node) bool { return c.member[u.id] != root })
			if c.member[n.id] != nil || c.inline[n.id] || c.absorbed[n.id] || !inside || c.isOutput[n] || !fusible(n) || n.shapes[0].Size() != root.shapes[0].Size() {
				continue
			}
			c.member[n.id] = root
			candidates = c.inputsOf(candidates, n)
			count++
		}
	}
}

// inlines says whether a node costs less to compute again in each loop that
// reads it than to store: a spread, or a comparison that several loops read.
func (c *compiler) inlines(n *node) bool {
	if c.absorbed[n.id] || c.isOutput[n] || !fusible(n) || n.op != compute.OpTypeBroadcastInDim && (n.shapes[0].DType != dtypes.Bool || len(c.users[n.id]) < 2) {
		return false
	}
	return !slices.ContainsFunc(c.users[n.id], func(u *node) bool {
		if c.absorbed[u.id] { // the zeros of a ReLU or of its gradient are not read
			return u.op != compute.OpTypeWhere || u.inputs[2] == n.outs[0]
		}
		return u.op == compute.OpTypeReshape || !fusible(u) || u.shapes[0].Size() != n.shapes[0].Size()
	})
}

func (c *compiler) inputsOf(list []*node, n *node) []*node {
	for _, in := range n.inputs {
		if in.shape().Size() == n.shapes[0].Size() && !slices.Contains(list, in.node) {
			list = append(list, in.node)
		}
	}
	return list
}
