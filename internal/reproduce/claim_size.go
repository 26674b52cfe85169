package reproduce

// sizeClaim is of width and depth.
func sizeClaim() *Claim {
	return &Claim{
		Name:     "size",
		Question: "Do wider and deeper networks learn better embeddings?",
		Paper:    "SimCLR, table 6: ResNet-50 of width 1, 2 and 4 have 69.3, 74.2 and 76.5 %.",
		Setup:    "ResNet-8, 14 and 20 with 16, 32 and 64 channels, and ResNet-8 of twice the width, whose h has 128 values.",
		Variants: func(s Scale) []Variant {
			if s.Args == nil || s.Epochs > 50 {
				return []Variant{{Name: "shallow", Args: []string{"--encoder", "resnet18"}}, {Name: "deep", Args: []string{"--encoder", "resnet34"}, Cost: 2},
					{Name: "wide", Args: []string{"--encoder", "resnet18", "--set", "encoder.width=2"}, Cost: 4}}
			}
			return []Variant{{Name: "shallow"}, {Name: "deep", Args: []string{"--encoder", "resnet20"}, Cost: 2.2},
				{Name: "wide", Args: []string{"--set", "encoder.width=2"}, Cost: 2.5}}
		},
		Measures: []Measure{linearH},
		Tests: []Test{
			{Says: "the deeper network beats the shallow one", More: []string{"deep"}, Less: []string{"shallow"}},
			{Says: "the wider network beats the narrow one", More: []string{"wide"}, Less: []string{"shallow"}},
		},
	}
}
