package reproduce

// sizeClaim is of width and depth.
func sizeClaim() *Claim {
	return &Claim{
		Name:     "size",
		Question: "Do wider and deeper networks learn better embeddings?",
		Paper:    "SimCLR, table 6: ResNet-50 of width 1, 2 and 4 have 69.3, 74.2 and 76.5 %.",
		Setup:    "ResNet-8 and ResNet-20 with 16, 32 and 64 channels, and ResNet-8 of twice the width, whose h has 128 values (scales gpu and paper: ResNet-18 and ResNet-34). All train for as many epochs, with one rate.",
		Variants: func(s Scale) []Variant {
			return []Variant{{Name: "shallow"}, {Name: "deep", Args: []string{"--encoder", s.Deeper}, Cost: 2.2},
				{Name: "wide", Args: []string{"--set", "encoder.width=2"}, Cost: 2.5}}
		},
		Measures: []Measure{linearH},
		Tests: []Test{
			{Says: "the deeper network beats the shallow one", More: []string{"deep"}, Less: []string{"shallow"}},
			{Says: "the wider network beats the narrow one", More: []string{"wide"}, Less: []string{"shallow"}},
		},
	}
}
