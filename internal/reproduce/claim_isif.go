package reproduce

import "fmt"

// isifClaim is of ISIF's terms, its batches and unseen classes.
func isifClaim() *Claim {
	seen, unseen := []string{"--classes", "1-5"}, "6-10"
	knn := func(name string, args ...string) Measure {
		return Measure{Name: name, Eval: append([]string{"knn", "--layer", "z", "--classes"}, args...), Metric: "knn_accuracy"}
	}
	isif := func(name string, seeds int, args ...string) Variant {
		return Variant{Name: name, Method: "isif", Args: append(append([]string{}, seen...), args...), Seeds: seeds}
	}
	batches := []int{32, 512}
	return &Claim{
		Name:     "isif",
		Question: "Does ISIF need both its invariance and its spreading term, does it want larger batches, and does it carry over to classes it has not seen?",
		Paper:    "ISIF, CIFAR-10 by kNN: 83.6 %, from 32.1 % of a random network; unseen classes by Recall@1: 41.3 % on Cars, from memory 46.2 % on CUB and 48.9 % on SOP, above its baselines. Of batches it says nothing.",
		Setup:    "Trained on the first five classes, kNN of z on their test images and on those of the other five, against training images of the same five. All batches see as many images, so that a batch of 512 makes a sixteenth of the steps of one of 32; the rate goes with the square root of the batch (scale paper: it stays). Invariance alone is NT-Xent with one side of each product held fixed.",
		Variants: func(s Scale) []Variant {
			list := []Variant{
				isif("both terms", 0),
				isif("invariance alone", 0, "--set", "loss.spreading=0"),
				isif("spreading alone", 0, "--set", "loss.invariance=0"),
			}
			for _, b := range batches {
				list = append(list, isif(fmt.Sprint("batch ", b), 1, s.batch(b)...))
			}
			return list
		},
		Measures: []Measure{knn("kNN, seen classes", "1-5"), knn("kNN, unseen classes", unseen), knn("untrained, unseen classes", unseen, "--step", "0")},
		Tests: []Test{
			{Says: "both terms beat invariance alone", More: []string{"both terms"}, Less: []string{"invariance alone"}},
			{Says: "both terms beat spreading alone", More: []string{"both terms"}, Less: []string{"spreading alone"}},
			{Says: "a batch of 512 beats one of 32", More: []string{"batch 512"}, Less: []string{"batch 32"}},
			{Says: "unseen classes: the trained network beats the untrained one", More: []string{"both terms"}, Less: []string{"both terms"}, By: "kNN, unseen classes", LessBy: "untrained, unseen classes"},
		},
	}
}
