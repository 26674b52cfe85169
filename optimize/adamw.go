package optimize

import (
	"errors"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Optimizers.Add("adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019), PyTorch's form",
		func() Optimizer { return &AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01} })
}

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter 2019) in
// PyTorch's form: for each parameter w with gradient g of the loss, at step t
// counted from 1,
//
//	w ← w - lr λ w             (skipped: no decay)
//	m ← β1 m + (1-β1) g
//	v ← β2 v + (1-β2) g²
//	w ← w - lr (m / (1-β1^t)) / (sqrt(v / (1-β2^t)) + ε)
//
// State: "m" and "v" of each parameter, and the count of steps "step". GoMLX's
// own Adam cannot leave parameters out of the decay, nor take its gradients
// and rate from outside.
type AdamW struct {
	Beta1   float64 `yaml:"beta1"`
	Beta2   float64 `yaml:"beta2"`
	Epsilon float64 `yaml:"epsilon"`
	// WeightDecay is λ; 0.01 is PyTorch's default.
	WeightDecay float64 `yaml:"weight_decay"`
}

// Validate implements Optimizer.
func (o *AdamW) Validate() error {
	return errors.Join(
		fraction("beta1", o.Beta1),
		fraction("beta2", o.Beta2),
		positive("epsilon", o.Epsilon),
		notNegative("weight_decay", o.WeightDecay))
}

// Update implements Optimizer.
func (o *AdamW) Update(scope *model.Scope, lr *Node, ps []Param) {
	step := state(scope, "step", shapes.Make(dtypes.Int64))
	t := AddScalar(step.NodeValue(lr), 1)
	step.SetNodeValue(t)
	for _, p := range ps {
		w, g := p.Variable.NodeValue(lr), p.Gradient
		rate := p.rate(lr)
		m := moment(slot(scope, p.Variable, "m"), g, o.Beta1)
		v := moment(slot(scope, p.Variable, "v"), Square(g), o.Beta2)
		if !p.Skip {
			w = Sub(w, Mul(rate, MulScalar(w, o.WeightDecay)))
		}
		time := ConvertDType(t, w.DType())
		meanGradient := Div(m, oneMinusPower(o.Beta1, time))
		deviation := Sqrt(Div(v, oneMinusPower(o.Beta2, time)))
		p.Variable.SetNodeValue(Sub(w, Mul(rate, Div(meanGradient, AddScalar(deviation, o.Epsilon)))))
	}
}

// moment moves the running mean m towards x and returns it.
func moment(m *model.Variable, x *Node, beta float64) *Node {
	y := Add(MulScalar(m.NodeValue(x), beta), MulScalar(x, 1-beta))
	m.SetNodeValue(y)
	return y
}

// oneMinusPower returns 1 - β^t for 0 ≤ β < 1, without cancellation for β near
// 1 in float32.
func oneMinusPower(beta float64, t *Node) *Node {
	if beta == 0 {
		return OnesLike(t)
	}
	return Neg(Expm1(MulScalar(t, math.Log(beta))))
}
