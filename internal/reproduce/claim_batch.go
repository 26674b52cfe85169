package reproduce

import (
	"context"
	"fmt"
	"math"
)

// batchClaim is SimCLR's figure 9.
func batchClaim() *Claim {
	batches, lengths := []int{32, 128, 512}, []float64{0.5, 1, 2}
	name := func(b int, l float64) string { return fmt.Sprintf("batch %d, length %g", b, l) }
	return &Claim{
		Name:     "batch",
		Question: "Are larger batches better in short training, and does the gap close in longer training?",
		Paper:    "SimCLR, figure 9 (linear scaling of the rate): batch 256 has 57.5 % after 100 epochs and 66.6 % after 800, batch 4096 64.6 % and 68.9 %: a gap of 7.1 points shrinks to 2.3.",
		Setup:    "As many images are seen for every batch, so a batch four times as large makes a quarter of the steps. The rate goes with the square root of the batch (scale paper: in proportion). All seeds for the corners, one for what is between.",
		Variants: func(s Scale) (list []Variant) {
			for _, b := range batches {
				for _, l := range lengths {
					v := Variant{Name: name(b, l), Length: l, Args: s.batch(b)}
					if b == 128 || l == 1 {
						v.Seeds = 1
					}
					list = append(list, v)
				}
			}
			return list
		},
		Measures: []Measure{linearH},
		Tests: []Test{
			{Says: "in short training a batch of 512 beats one of 32", More: []string{name(512, 0.5)}, Less: []string{name(32, 0.5)}},
			{Says: "with batches of 32, longer training is better", More: []string{name(32, 2)}, Less: []string{name(32, 0.5)}},
			{Says: "with batches of 512, longer training is better", More: []string{name(512, 2)}, Less: []string{name(512, 0.5)}},
		},
		Judge: func(_ context.Context, r *Results) ([]Outcome, error) {
			o := Outcome{Says: "the lead of the large batch is smaller in longer training", Verdict: NotRun}
			at := func(b int, l float64) []float64 { return r.values(name(b, l), linearH.Name) }
			corners := [][]float64{at(512, 0.5), at(32, 0.5), at(512, 2), at(32, 2)}
			n := math.MaxInt
			for _, c := range corners {
				n = min(n, len(c))
			}
			if n < 2 {
				return []Outcome{o}, nil // one seed has no interval here
			}
			short, gains := make([]float64, n), make([]float64, n)
			for i := range gains {
				short[i] = corners[0][i] - corners[1][i]
				gains[i] = short[i] - (corners[2][i] - corners[3][i])
			}
			o.seeds("the lead in short training over that in long training", gains)
			lead := Outcome{}
			if lead.seeds("the lead in short training", short); lead.Verdict != Held {
				o.Verdict, o.Detail = NotShown, "there is no lead that could shrink. "+lead.Detail
			}
			return []Outcome{o}, nil
		},
		Figures: func(_ context.Context, r *Results) ([]Figure, error) {
			c := lines{Title: "linear accuracy by length of training, %", XLabel: "length of training", Log: true}
			for _, b := range batches {
				s := series{Name: fmt.Sprintf("batch %d", b)}
				for _, l := range lengths {
					if v := r.values(name(b, l), linearH.Name); len(v) > 0 {
						s.Points = append(s.Points, point{l, 100 * mean(v)})
					}
				}
				c.Series = append(c.Series, s)
			}
			if len(r.runs) < 2 {
				return nil, nil
			}
			return []Figure{c.figure("lengths")}, nil
		},
	}
}
