package reproduce

// lossClaim is SimCLR's table 4.
func lossClaim() *Claim {
	const bothViews = "loss.other_view=false"
	return &Claim{
		Name:     "loss",
		Question: "Is NT-Xent better than NT-Logistic and the margin triplet, with and without semi-hard mining?",
		Paper:    "SimCLR, table 4: margin 50.9 %, NT-Logistic 51.6 %, with semi-hard mining 57.5 and 57.9 %, NT-Xent 63.9 %.",
		Setup:    "The paper tunes rate, margin and temperature of each; here they are the defaults, one rate for all. Without mining NT-Logistic takes the mean over all negatives. The paper's comparison has the negatives of one view only; here all losses have those of both, as NT-Xent does elsewhere.",
		Variants: func(Scale) []Variant {
			return []Variant{
				{Name: "NT-Xent"},
				{Name: "NT-Logistic", Args: []string{"--loss", "ntlogistic", "--set", bothViews, "--set", "loss.negatives=mean"}},
				{Name: "NT-Logistic, semi-hard", Args: []string{"--loss", "ntlogistic", "--set", bothViews}},
				{Name: "margin", Args: []string{"--loss", "margin_triplet", "--set", bothViews, "--set", "loss.negatives=all"}},
				{Name: "margin, semi-hard", Args: []string{"--loss", "margin_triplet", "--set", bothViews}},
			}
		},
		Measures: []Measure{linearH},
		Tests: []Test{
			{Says: "NT-Xent beats all others", More: []string{"NT-Xent"}, Less: []string{"NT-Logistic", "NT-Logistic, semi-hard", "margin", "margin, semi-hard"}},
			{Says: "semi-hard mining helps NT-Logistic", More: []string{"NT-Logistic, semi-hard"}, Less: []string{"NT-Logistic"}},
			{Says: "semi-hard mining helps the margin triplet", More: []string{"margin, semi-hard"}, Less: []string{"margin"}},
		},
	}
}
