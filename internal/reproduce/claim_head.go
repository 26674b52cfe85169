package reproduce

// linearH is SimCLR's measure: a linear classifier on h.
var linearH = Measure{Name: "linear on h", Eval: []string{"linear", "--layer", "h"}, Metric: "linear_accuracy"}

// headClaim is SimCLR's figure 8.
func headClaim() *Claim {
	return &Claim{
		Name:     "head",
		Question: "Is a nonlinear projection head better than a linear one, that better than none, and h better than z?",
		Paper:    "SimCLR, figure 8: nonlinear about 3 points above linear, more than 10 above none; h more than 10 points above z.",
		Setup:    "h has 64 values in the small network (scales gpu and paper: 512), z has 128: in the small one z does not say less for want of room.",
		Variants: func(Scale) []Variant {
			return []Variant{{Name: "none", Args: []string{"--head", "none"}}, {Name: "linear", Args: []string{"--head", "linear"}}, {Name: "nonlinear"}}
		},
		Measures: []Measure{linearH, {Name: "linear on z", Eval: []string{"linear", "--layer", "z"}, Metric: "linear_accuracy"}},
		Tests: []Test{
			{Says: "a nonlinear head beats a linear one", More: []string{"nonlinear"}, Less: []string{"linear"}},
			{Says: "a linear head beats none", More: []string{"linear"}, Less: []string{"none"}},
			{Says: "h is better than z behind a nonlinear head", More: []string{"nonlinear"}, Less: []string{"nonlinear"}, LessBy: "linear on z"},
		},
	}
}
