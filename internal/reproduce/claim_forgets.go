package reproduce

// forgetsClaim is SimCLR's table 3.
func forgetsClaim() *Claim {
	forgets := &Claim{
		Name:     "forgets",
		Question: "Does h know more than z of what was done to an image?",
		Paper:    "SimCLR, table 3, h and z: colour or gray 99.3 and 97.4 %, rotation 67.6 and 25.6 %, noise 99.5 and 59.6 %, Sobel 96.6 and 56.3 % (chance 80, 25, 50, 50).",
		Setup:    "A linear classifier tells from h, or from z, which of four quarter turns an image was given, or whether it was made gray, noisy (0.1), or its Sobel filter was taken: half of the images, so that chance is 50 %. The runs are those of claim head.",
		Variants: func(Scale) []Variant { return []Variant{{Name: "simclr"}} },
	}
	for _, of := range []string{"gray", "rotate", "noise", "sobel"} {
		for _, layer := range []string{"h", "z"} {
			forgets.Measures = append(forgets.Measures, Measure{Name: of + " from " + layer, Eval: []string{"transform", "--of", of, "--layer", layer}, Metric: "transform_accuracy"})
		}
		forgets.Tests = append(forgets.Tests, Test{Says: "h knows more of " + of + " than z", More: []string{"simclr"}, Less: []string{"simclr"}, By: of + " from h", LessBy: of + " from z"})
	}
	return forgets
}
