package reproduce

// controlClaim is of none of the papers: if training teaches nothing at this
// scale, the other verdicts say nothing.
func controlClaim() *Claim {
	return &Claim{
		Name:     "control",
		Question: "Does SimCLR learn anything at this scale?",
		Paper:    "No claim of the papers, but what all others rest on: where training gains little over the network that it began with, variants of it can differ by little.",
		Variants: func(Scale) []Variant { return []Variant{{Name: "simclr"}} },
		Measures: []Measure{linearH, {Name: "untrained, linear on h", Eval: []string{"linear", "--layer", "h", "--step", "0"}, Metric: "linear_accuracy"}},
		Tests: []Test{{Says: "the trained network beats the one that it began with", More: []string{"simclr"}, Less: []string{"simclr"},
			LessBy: "untrained, linear on h"}},
	}
}
