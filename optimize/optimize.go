// Package optimize holds the update rules and the learning rate schedule.
package optimize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/registry"
)

// Param is a trainable variable with the gradient of the loss for it.
type Param struct {
	Variable *model.Variable
	Gradient *Node // like the variable
	Skip     bool  // batch norm or bias: see each optimiser for what it leaves out

	// LR multiplies the learning rate; 0 stands for 1.
	LR float64
}

// rate returns the parameter's learning rate in its own type, a scalar.
func (p Param) rate(lr *Node) *Node {
	rate := ConvertDType(lr, p.Variable.DType())
	if p.LR == 0 || p.LR == 1 {
		return rate
	}
	return MulScalar(rate, p.LR)
}

// Optimizer is an update rule with the configuration that its exported fields
// hold. Its state lives in the scope's store under StatePath.
type Optimizer interface {
	Validate() error

	// Update sets the new values of the parameters, and of the state, in the
	// graph. The learning rate lr is a scalar; the equations' lr is it times the
	// parameter's own LR. State that does not exist starts at 0.
	Update(scope *model.Scope, lr *Node, ps []Param)
}

// Optimizers are the registered optimisers, by name.
var Optimizers = registry.Registry[Optimizer]{Kind: "optimizer"}

// StatePath is the absolute scope that holds the optimiser's state: the slot
// "velocity" of "/conv1/weight" is "/optimizer/conv1/weight/velocity".
const StatePath = "/optimizer"

// Gradients differentiates the scalar loss for the trainable variables below
// scope that its graph uses, in the order of their paths. A parameter is
// to be skipped if it is a bias, or the scale of a batch norm, which is known by
// the running mean beside it.
func Gradients(scope *model.Scope, loss *Node) []Param {
	var ps []Param
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(loss.Graph()) {
			ps = append(ps, Param{Variable: v, Skip: skip(v, scope.Store())})
		}
	}
	slices.SortFunc(ps, func(a, b Param) int { return strings.Compare(a.Variable.Path(), b.Variable.Path()) })
	nodes := make([]*Node, len(ps))
	for i, p := range ps {
		nodes[i] = p.Variable.NodeValue(loss)
	}
	for i, gradient := range Gradient(loss, nodes...) {
		ps[i].Gradient = gradient
	}
	return ps
}

// Sum adds the gradients of two lists of the same parameters.
func Sum(a, b []Param) []Param {
	sum := slices.Clone(a)
	for i := range sum {
		if a[i].Variable != b[i].Variable {
			panic(fmt.Errorf("the gradients of %s and %s are no sum", a[i].Variable.Path(), b[i].Variable.Path()))
		}
		sum[i].Gradient = Add(a[i].Gradient, b[i].Gradient)
	}
	return sum
}

func skip(v *model.Variable, store *model.Store) bool {
	scope, name := model.SplitPath(v.Path())
	return name == "bias" || store.GetVariable(model.JoinPath(scope, "running_mean")) != nil
}

// slot returns the named state of v, shaped like it and starting at 0.
func slot(scope *model.Scope, v *model.Variable, name string) *model.Variable {
	return state(scope, model.JoinPath(v.Path(), name), v.Shape())
}

// state returns the variable at path below StatePath, starting at 0.
func state(scope *model.Scope, path string, shape shapes.Shape) *model.Variable {
	store, path := scope.Store(), model.JoinPath(StatePath, path)
	v := store.GetVariable(path)
	if v == nil {
		v = store.VariableWithValue(path, tensors.FromShape(shape))
	}
	return v.SetTrainable(false)
}

// decayed returns g + λ w.
func decayed(g, w *Node, lambda float64) *Node { return Add(g, MulScalar(w, lambda)) }
