package reproduce

import (
	"context"
	"fmt"
	"math"
)

// identityClaim is ICE in the place of NT-Xent.
func identityClaim() *Claim {
	return &Claim{
		Name:     "identity",
		Question: "Is ICE, given two views of each image as its classes, NT-Xent?",
		Paper:    "With one positive an anchor, ICE of scale s is NT-Xent of temperature 1/s, value and gradient ('alike verify' has the reference value ice_equals_ntxent_s2).",
		Setup:    "Two runs from the same weights through the same views, in float32: NT-Xent at τ = 0.5 and ICE at s = 2. The two compute their loss in another order, so rounding may grow with the steps.",
		Variants: func(Scale) []Variant {
			return []Variant{
				{Name: "NT-Xent, τ = 0.5", Args: []string{"--dtype", "fp32"}, Seeds: 1, Cost: 2},
				{Name: "ICE, s = 2", Args: []string{"--dtype", "fp32", "--loss", "ice", "--set", "loss.scale=2"}, Seeds: 1, Cost: 2},
			}
		},
		Measures: []Measure{linearH},
		Judge:    judgeIdentity,
		Figures: func(_ context.Context, r *Results) ([]Figure, error) {
			c := lines{Title: "loss by step", XLabel: "step"}
			for _, v := range r.Variants {
				s := series{Name: v.Name}
				for _, run := range r.runs[v.Name] {
					for i, l := range run.Loss {
						s.Points = append(s.Points, point{float64(i + 1), l})
					}
				}
				c.Series = append(c.Series, s)
			}
			return []Figure{c.figure("curves")}, nil
		},
	}
}

// Bounds on how far two curves that are one may lie apart: of the first step, whose
// float32 sums differ in their order alone, and of any.
const (
	firstStep = 1e-5
	anyStep   = 0.02
)

func judgeIdentity(_ context.Context, r *Results) ([]Outcome, error) {
	first := Outcome{Says: "the first loss is the same to float32's rounding", Verdict: NotRun}
	curve := Outcome{Says: "the learning curves are the same", Verdict: NotRun}
	a, b := r.runs["NT-Xent, τ = 0.5"], r.runs["ICE, s = 2"]
	if len(a) == 0 || len(b) == 0 {
		return []Outcome{first, curve}, nil
	}
	x, y := a[0].Loss, b[0].Loss
	apart := func(i int) float64 { return math.Abs(x[i]-y[i]) / math.Abs(x[i]) }
	largest, at := 0.0, 0
	for i := range min(len(x), len(y)) {
		if d := apart(i); d > largest {
			largest, at = d, i
		}
	}
	within := func(ok bool) Verdict {
		if ok {
			return Held
		}
		return Contradicted
	}
	first.Verdict = within(apart(0) < firstStep)
	first.Detail = fmt.Sprintf("%.7f and %.7f: apart by %.1e of it, bound %.0e", x[0], y[0], apart(0), firstStep)
	curve.Verdict = within(len(x) == len(y) && largest < anyStep)
	curve.Detail = fmt.Sprintf("over %d steps the losses are apart by %.1e of their value at most (step %d; bound %.0e)", len(x), largest, at+1, anyStep)
	if a[0].Weights == b[0].Weights {
		curve.Detail += "; the last weights are equal bit for bit"
	}
	return []Outcome{first, curve}, nil
}
