package reproduce

import "strconv"

// recallUnseen is ICE's measure: Recall@1 on classes that were not trained on.
var recallUnseen = Measure{Name: "R@1 on unseen classes", Eval: []string{"retrieval", "--classes", "not 50%", "--references=false", "--nmi=false"}, Metric: "recall@1"}

// iceClaim is ICE beside its baselines, and its scale.
func iceClaim() *Claim {
	baselines := []struct {
		name string
		args []string
	}{
		{"margin triplet", []string{"--loss", "margin_triplet"}},
		{"SupCon", []string{"--loss", "supcon"}},
		{"N-pair", []string{"--loss", "npair", "--set", "head.l2_normalize=false"}},
		{"contrastive", []string{"--loss", "contrastive"}},
		{"multi-similarity", []string{"--loss", "multi_similarity"}},
		{"proxy-NCA", []string{"--loss", "proxy_nca"}},
		{"cross entropy", []string{"--loss", "cross_entropy"}},
	}
	scales := []string{"1", "4", "16", "32", "64", "80"}
	var names, readings []string
	for _, b := range baselines {
		names = append(names, b.name)
	}
	for _, s := range scales {
		readings = append(readings, "ICE, s = "+s)
	}
	const unit = "ICE, s = 64, gradient divided by s"
	divided := []string{"--set", "loss.unit_gradient=true"}
	return &Claim{
		Name:     "ice",
		Question: "Is ICE better than the losses it was compared with, and is it the scale s, which weighs examples, that makes it so?",
		Paper:    "ICE (only its abstract and introduction are certain): better than others on three benchmarks without mining; the scale opens the ratio of weights of hard and easy examples from e² at s = 1 to e^(2s). 64 is remembered as its value, 16 to 80 as its ablation.",
		Setup:    "Trained from scratch on half of the classes, measured on the other half; one rate for all, twice that of the other claims. N-pair's vectors are not normalised for training, as its paper has it; with unit vectors it would be ICE at s = 1. Where SGD trains (scale paper) the gradient is divided by s, which would else be a rate; AdamW hardly notices, as a last row shows.",
		Labelled: true,
		Variants: func(s Scale) (list []Variant) {
			add := func(v Variant) {
				v.Args = append([]string{"--classes", "50%"}, v.Args...)
				if s.LR > 0 {
					v.Args = append(v.Args, "--lr", strconv.FormatFloat(2*s.LR, 'g', -1, 64))
				}
				list = append(list, v)
			}
			for _, x := range scales {
				v := Variant{Name: "ICE, s = " + x, Method: "ice", Args: []string{"--set", "loss.scale=" + x}}
				if !s.adaptive() {
					v.Args = append(v.Args, divided...)
				}
				if x == "4" || x == "32" || x == "80" {
					v.Seeds = 1
				}
				add(v)
			}
			if s.adaptive() {
				add(Variant{Name: unit, Method: "ice", Args: divided, Seeds: 1})
			}
			for _, b := range baselines {
				add(Variant{Name: b.name, Method: "metric", Args: b.args})
			}
			return list
		},
		Measures: []Measure{recallUnseen},
		Tests: []Test{
			{Says: "ICE at a scale of 64 beats all baselines", More: []string{"ICE, s = 64"}, Less: names},
			{Says: "ICE at its best scale beats all baselines", More: readings, Less: names},
			{Says: "a scale of 16 or 64 beats s = 1, which hardly tells easy examples from hard ones", More: []string{"ICE, s = 16", "ICE, s = 64"}, Less: []string{"ICE, s = 1"}},
		},
	}
}
