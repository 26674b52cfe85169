package optimize

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

func init() {
	Optimizers.Add("lars", "layer-wise adaptive rate scaling as in SimCLR's code (You et al. 2017)",
		func() Optimizer { return &LARS{Momentum: 0.9, WeightDecay: 1e-6, TrustCoefficient: 0.001} })
}

// LARS is layer-wise adaptive rate scaling in the form of SimCLR's code. For
// each parameter w with gradient g of the loss, norms over the whole tensor,
//
//	skipped:   g' = g;         r = 1
//	otherwise: g' = g + λ w;   r = η |w| / |g'| if |w| > 0 and |g'| > 0, else 1
//	v ← μ v + lr r g'
//	w ← w - v                  (Nesterov: w ← w - μ v - lr r g')
//
// without epsilon or clipping. LARS of the paper (You et al. 2017) and of the
// common PyTorch ports differs: it divides by |g| + λ |w| and multiplies by the
// rate outside of the velocity. State: "velocity".
type LARS struct {
	// Momentum is μ; 0.9 in the authors' code.
	Momentum float64 `yaml:"momentum"`
	// WeightDecay is λ; 1e-6 in the paper (1e-4 is SimCLRv2's).
	WeightDecay float64 `yaml:"weight_decay"`
	// TrustCoefficient is η; 0.001 in the authors' code.
	TrustCoefficient float64 `yaml:"trust_coefficient"`
	// Nesterov is off in the authors' runs.
	Nesterov bool `yaml:"nesterov"`
}

// Validate implements Optimizer.
func (o *LARS) Validate() error {
	return errors.Join(
		fraction("momentum", o.Momentum),
		notNegative("weight_decay", o.WeightDecay),
		positive("trust_coefficient", o.TrustCoefficient))
}

// Update implements Optimizer.
func (o *LARS) Update(scope *model.Scope, lr *Node, ps []Param) {
	for _, p := range ps {
		w, g := p.Variable.NodeValue(lr), p.Gradient
		rate := p.rate(lr)
		if !p.Skip {
			g = decayed(g, w, o.WeightDecay)
			rate = Mul(rate, o.trust(w, g))
		}
		velocity := slot(scope, p.Variable, "velocity")
		step := Mul(rate, g)
		v := Add(MulScalar(velocity.NodeValue(lr), o.Momentum), step)
		velocity.SetNodeValue(v)
		if o.Nesterov {
			v = Add(MulScalar(v, o.Momentum), step)
		}
		p.Variable.SetNodeValue(Sub(w, v))
	}
}

// trust returns r, a scalar. The test is > 0: with >= a tensor that starts at
// zero would never move.
func (o *LARS) trust(w, g *Node) *Node {
	one := ScalarOne(w.Graph(), w.DType())
	normW, normG := Sqrt(ReduceAllSum(Square(w))), Sqrt(ReduceAllSum(Square(g)))
	defined := LogicalAnd(isPositive(normW), isPositive(normG))
	return Where(defined, Div(MulScalar(normW, o.TrustCoefficient), Where(defined, normG, one)), one)
}

func isPositive(x *Node) *Node { return GreaterThan(x, ScalarZero(x.Graph(), x.DType())) }
