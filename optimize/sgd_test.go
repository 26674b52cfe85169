package optimize_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"alike/optimize"
)

func TestSGDAgreesWithReferenceValues(t *testing.T) {
	type test struct {
		ID     string
		Inputs struct {
			W     flat
			Steps []struct {
				LR   float64
				Grad flat
			}
		}
		Params struct {
			Momentum    float64
			WeightDecay float64 `json:"weight_decay"`
			Nesterov    bool
		}
		Expected map[string]struct{ Velocity, Value flat }
	}
	for _, r := range references[test](t, "sgd") {
		for _, precision := range precisions {
			t.Run(r.ID+"/"+precision.dtype.String(), func(t *testing.T) {
				o := &optimize.SGD{Momentum: r.Params.Momentum, WeightDecay: r.Params.WeightDecay, Nesterov: r.Params.Nesterov}
				b := newBench(t, o, precision.dtype, []parameter{{name: "w", values: r.Inputs.W}})
				for i, step := range r.Inputs.Steps {
					b.step(step.LR, step.Grad)
					want := r.Expected[fmt.Sprintf("after_step_%d", i+1)]
					closeTo(t, "value", b.value("/w"), want.Value, precision.relative, precision.absolute)
					velocity := b.value(optimize.StatePath + "/w/velocity")
					closeTo(t, "velocity", velocity, want.Velocity, precision.relative, precision.absolute)
				}
			})
		}
	}
}

func TestSGDDecaysSkippedParametersOnlyIfAsked(t *testing.T) {
	for _, tc := range []struct {
		name     string
		decayAll bool
		want     float64
	}{
		{"by default it leaves them alone", false, 2},
		{"decay_all shrinks them", true, 2 - 0.5*0.1*2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &optimize.SGD{WeightDecay: 0.1, DecayAll: tc.decayAll}
			b := newBench(t, o, dtypes.Float64, []parameter{{name: "bias", values: []float64{2}, skip: true}})
			b.step(0.5, []float64{0})
			closeTo(t, "bias", b.value("/bias"), []float64{tc.want}, 1e-15, 0)
		})
	}
}
