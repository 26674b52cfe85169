package method

import (
	"strings"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/optimize"
)

// remembered is the method's variable of that name, which no gradient changes.
func (s *Step) remembered(name string, shape shapes.Shape, init nn.Init) *model.Variable {
	return nn.Param(s.Scope, name, shape, init).SetTrainable(false)
}

// push returns memory [K, ...] with the rows of newest [N, ...] before those
// that it has, of which the oldest N are forgotten.
func push(memory, newest *Node) *Node {
	n, k := newest.Shape().Dim(0), memory.Shape().Dim(0)
	if n >= k {
		return Slice(newest, AxisRange(0, k))
	}
	return Concatenate([]*Node{newest, Slice(memory, AxisRange(0, k-n))}, 0)
}

// trailingScope is where such a network lies below Scope.
const trailingScope = "key"

// OnlineName is the dotted name of the online network's tensor that a tensor of the trailing network follows, or the
// name itself.
func OnlineName(name string) string {
	return strings.TrimPrefix(name, Scope+"."+trailingScope+".")
}

// trailing is a second network whose weights k trail those w of the online one,
//
//	k ← m k + (1 - m) w
//
// before each step, from k = w at first. Frozen weights stay, and its batch norms have statistics of their
// own. The online network must have been built; neither a gradient nor an optimiser changes this one.
func (s *Step) trailing(momentum *Node) func(x *Node) *Node {
	g, store, scope := momentum.Graph(), s.Scope.Store(), s.Scope.At(trailingScope)
	var online []*model.Variable
	for v := range store.IterVariables() {
		if v.InUseByGraph(g) && v.DType().IsFloat() && !strings.HasPrefix(v.Path(), s.Scope.Scope()+"/") && !strings.HasPrefix(v.Path(), optimize.StatePath+"/") {
			online = append(online, v)
		}
	}
	for _, w := range online {
		path := scope.Scope() + w.Path()
		k := store.GetVariable(path)
		if k == nil {
			k = store.VariableWithValue(path, clone(w))
		}
		k.SetTrainable(false)
		if w.Trainable {
			m := ConvertDType(momentum, w.DType())
			k.SetNodeValue(Add(Mul(m, k.NodeValue(g)), Mul(OneMinus(m), w.NodeValue(g))))
		}
	}
	return func(x *Node) *Node { return StopGradient(s.Network(scope, x)) }
}

func clone(v *model.Variable) *tensors.Tensor {
	t, err := v.MustValue().LocalClone()
	if err != nil {
		panic(err)
	}
	return t
}

// logSumExp is ln Σ_j exp(x_ij) of each row of x [N, C]: [N].
func logSumExp(x *Node) *Node {
	top := StopGradient(ReduceMax(x, -1))
	return Add(top, Log(ReduceSum(Exp(Sub(x, ExpandDims(top, -1))), -1)))
}

// cosine is that of each row of x [N, D] with the same row of y: [N].
func cosine(x, y *Node) *Node { return ReduceSum(Mul(nn.Unit(x), nn.Unit(y)), -1) }

// similarities are u_i . v_j / temperature: [N, K] for unit vectors u [N, D] and v [K, D].
func similarities(u, v *Node, temperature float64) *Node {
	return DivScalar(MatMul(u, Transpose(v, 0, 1)), temperature)
}
