package optimize_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"alike/optimize"
)

func TestLARSAgreesWithReferenceValues(t *testing.T) {
	type after map[string]struct{ Velocity, Value flat }
	type test struct {
		ID     string
		Inputs struct {
			Parameters []struct {
				Name  string
				W     flat
				Adapt bool
			}
			Steps []struct {
				LR    float64
				Grads map[string]flat
			}
		}
		Params struct {
			Momentum         float64
			WeightDecay      float64 `json:"weight_decay"`
			TrustCoefficient float64 `json:"trust_coefficient"`
			Nesterov         bool
		}
		Expected map[string]after
	}
	for _, r := range references[test](t, "lars") {
		for _, precision := range precisions {
			t.Run(r.ID+"/"+precision.dtype.String(), func(t *testing.T) {
				o := optimize.LARS(r.Params)
				var ps []parameter
				for _, p := range r.Inputs.Parameters {
					ps = append(ps, parameter{name: p.Name, values: p.W, skip: !p.Adapt})
				}
				b := newBench(t, &o, precision.dtype, ps)
				for i, step := range r.Inputs.Steps {
					var gradients [][]float64
					for _, p := range ps {
						gradients = append(gradients, step.Grads[p.name])
					}
					b.step(step.LR, gradients...)
					for name, want := range r.Expected[fmt.Sprintf("after_step_%d", i+1)] {
						what := fmt.Sprintf("step %d, %s", i+1, name)
						closeTo(t, what, b.value("/"+name), want.Value, precision.relative, precision.absolute)
						velocity := b.value(optimize.StatePath + "/" + name + "/velocity")
						closeTo(t, what+", velocity", velocity, want.Velocity, precision.relative, precision.absolute)
					}
				}
			})
		}
	}
}

// larsTwin is one step of the equations, in place.
func larsTwin(o *optimize.LARS, w, v, g []float64, lr float64, skip bool) {
	r := 1.0
	if !skip {
		var ww, gg float64
		for i := range w {
			g[i] += o.WeightDecay * w[i]
			ww, gg = ww+w[i]*w[i], gg+g[i]*g[i]
		}
		if ww > 0 && gg > 0 {
			r = o.TrustCoefficient * math.Sqrt(ww) / math.Sqrt(gg)
		}
	}
	for i := range w {
		v[i] = o.Momentum*v[i] + lr*r*g[i]
		if o.Nesterov {
			w[i] -= o.Momentum*v[i] + lr*r*g[i]
		} else {
			w[i] -= v[i]
		}
	}
}

func TestLARSAgreesWithItsTwin(t *testing.T) {
	for _, nesterov := range []bool{false, true} {
		for _, skip := range []bool{false, true} {
			t.Run(fmt.Sprintf("nesterov=%t/skip=%t", nesterov, skip), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				o := &optimize.LARS{Momentum: 0.8, WeightDecay: 0.1, TrustCoefficient: 0.02, Nesterov: nesterov}
				w, v := normals(rng, 7), make([]float64, 7)
				b := newBench(t, o, dtypes.Float64, []parameter{{name: "w", values: w, skip: skip}})
				for range 4 {
					g, lr := normals(rng, 7), rng.Float64()
					b.step(lr, g)
					larsTwin(o, w, v, g, lr, skip)
					closeTo(t, "weight", b.value("/w"), w, 1e-12, 1e-12)
				}
			})
		}
	}
}

func normals(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}
