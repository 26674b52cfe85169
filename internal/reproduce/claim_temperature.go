package reproduce

// temperatureClaim is SimCLR's table 5.
func temperatureClaim() *Claim {
	return &Claim{
		Name:     "temperature",
		Question: "Are L2 normalisation and a temperature that is neither small nor large what NT-Xent needs?",
		Paper:    "SimCLR, table 5: normalised, τ of 0.05, 0.1, 0.5 and 1 give 59.7, 64.4, 60.7 and 58.0 %; not normalised, τ of 10 and 100 give 57.2 and 57.0 %.",
		Variants: func(Scale) (list []Variant) {
			for _, t := range []string{"0.05", "0.1", "0.5", "1"} {
				list = append(list, Variant{Name: "τ " + t, Args: []string{"--set", "loss.temperature=" + t}})
			}
			for _, t := range []string{"10", "100"} {
				list = append(list, Variant{Name: "not normalised, τ " + t, Args: []string{"--set", "loss.l2_normalize=false", "--set", "loss.temperature=" + t}})
			}
			return list
		},
		Measures: []Measure{linearH},
		Tests: []Test{
			{Says: "a middle temperature beats a small one", More: []string{"τ 0.1", "τ 0.5"}, Less: []string{"τ 0.05"}},
			{Says: "a middle temperature beats a large one", More: []string{"τ 0.1", "τ 0.5"}, Less: []string{"τ 1"}},
			{Says: "normalised beats not normalised", More: []string{"τ 0.05", "τ 0.1", "τ 0.5", "τ 1"}, Less: []string{"not normalised, τ 10", "not normalised, τ 100"}},
		},
	}
}
