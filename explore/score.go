package explore

import (
	"math"
	"slices"

	"alike/eval"
	"alike/internal/kernel/nearest"
)

// Score is a number of each image, by which the map can be coloured.
type Score struct {
	Name   string    `json:"name"`
	About  string    `json:"about"` // what it is, in a sentence
	Low    float32   `json:"low"`   // of the colours; values beyond have those of the ends
	High   float32   `json:"high"`
	Values []float32 `json:"values"` // -1 for none
}

// none is the value of an image without a score.
const none = -1

// of is the score of some rows.
func (s Score) of(rows []int) Score {
	values := make([]float32, len(rows))
	for i, row := range rows {
		values[i] = s.Values[row]
	}
	s.Values = values
	return s
}

// byNeighbours are what the nearest of each image say of it: how many are of its class, if there are
// classes, and how near the nearest is. Low ones are where labels are wrong, or images are alone.
func byNeighbours(f *eval.Features, near [][]nearest.Neighbour) []Score {
	agreement := Score{Name: "Agreement", About: "the share of an image's 15 nearest that have its class", High: 1}
	similarity := Score{Name: "Similarity", About: "the cosine of an image and the one nearest to it", Low: 1, High: 1}
	for i, list := range near {
		same, labelled := 0, 0
		for _, n := range list {
			if f.Labels[n.Index] >= 0 {
				labelled++
			}
			if f.Labels[n.Index] == f.Labels[i] {
				same++
			}
		}
		share := float32(none)
		if f.Labels[i] >= 0 && labelled > 0 {
			share = float32(same) / float32(labelled)
		}
		agreement.Values = append(agreement.Values, brief(share))
		closest := float32(none)
		if len(list) > 0 {
			closest = max(0, list[0].Similarity)
		}
		similarity.Values = append(similarity.Values, brief(closest))
	}
	// The colours begin where the hundredth part of the images that is most alone ends.
	sorted := slices.Sorted(slices.Values(similarity.Values))
	if len(sorted) > 0 {
		similarity.Low = min(max(0, sorted[len(sorted)/100]), similarity.High-1e-3)
	}
	if len(f.Classes) == 0 {
		return []Score{similarity}
	}
	return []Score{agreement, similarity}
}

// brief rounds to what can be seen.
func brief(v float32) float32 { return float32(math.Round(float64(v)*1e4) / 1e4) }
