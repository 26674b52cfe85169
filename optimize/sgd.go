package optimize

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Optimizers.Add("sgd", "stochastic gradient descent with momentum, PyTorch's form",
		func() Optimizer { return &SGD{Momentum: 0.9} })
}

// SGD is stochastic gradient descent with momentum in PyTorch's form: for each
// parameter w with gradient g of the loss,
//
//	g' = g + λ w               (skipped: g' = g, unless DecayAll is set)
//	v ← μ v + g'               v starts at 0, so that it is g' after one step
//	w ← w - lr v               (Nesterov: w ← w - lr (g' + μ v))
//
// The rate multiplies the velocity, which differs from LARS whenever it
// changes. State: "velocity".
type SGD struct {
	// Momentum is μ.
	Momentum float64 `yaml:"momentum"`
	// WeightDecay is λ.
	WeightDecay float64 `yaml:"weight_decay"`
	// Nesterov looks one step ahead.
	Nesterov bool `yaml:"nesterov"`
	// DecayAll decays biases and batch norm too, as ISIF's code and plain
	// PyTorch scripts do.
	DecayAll bool `yaml:"decay_all"`
}

// Validate implements Optimizer.
func (o *SGD) Validate() error {
	return errors.Join(fraction("momentum", o.Momentum), notNegative("weight_decay", o.WeightDecay))
}

// Update implements Optimizer.
func (o *SGD) Update(scope *model.Scope, lr *Node, ps []Param) {
	for _, p := range ps {
		w, g := p.Variable.NodeValue(lr), p.Gradient
		if !p.Skip || o.DecayAll {
			g = decayed(g, w, o.WeightDecay)
		}
		velocity := slot(scope, p.Variable, "velocity")
		v := Add(MulScalar(velocity.NodeValue(lr), o.Momentum), g)
		velocity.SetNodeValue(v)
		if o.Nesterov {
			v = Add(g, MulScalar(v, o.Momentum))
		}
		p.Variable.SetNodeValue(Sub(w, Mul(p.rate(lr), v)))
	}
}
