package optimize_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"alike/optimize"
)

// adamWTwin is step t, from 1, of the equations, in place.
func adamWTwin(o *optimize.AdamW, w, m, v, g []float64, lr float64, t int, skip bool) {
	for i := range w {
		if !skip {
			w[i] -= lr * o.WeightDecay * w[i]
		}
		m[i] = o.Beta1*m[i] + (1-o.Beta1)*g[i]
		v[i] = o.Beta2*v[i] + (1-o.Beta2)*g[i]*g[i]
		meanGradient := m[i] / (1 - math.Pow(o.Beta1, float64(t)))
		deviation := math.Sqrt(v[i] / (1 - math.Pow(o.Beta2, float64(t))))
		w[i] -= lr * meanGradient / (deviation + o.Epsilon)
	}
}

func TestAdamWAgreesWithItsTwin(t *testing.T) {
	for _, tc := range []struct {
		dtype     dtypes.DType
		tolerance float64
	}{{dtypes.Float64, 1e-12}, {dtypes.Float32, 2e-6}} {
		for _, skip := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/skip=%t", tc.dtype, skip), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(3, 4))
				o := &optimize.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
				w, m, v := normals(rng, 7), make([]float64, 7), make([]float64, 7)
				b := newBench(t, o, tc.dtype, []parameter{{name: "w", values: w, skip: skip}})
				for step := range 5 {
					g, lr := normals(rng, 7), 0.1*rng.Float64()
					b.step(lr, g)
					adamWTwin(o, w, m, v, g, lr, step+1, skip)
					closeTo(t, "weight", b.value("/w"), w, tc.tolerance, tc.tolerance)
				}
			})
		}
	}
}
