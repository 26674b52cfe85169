package verify

import (
	"context"
	"math"
	"slices"

	"alike/eval"
	"alike/index"
)

// knnProduct is eval.KNN; its neighbours are those of index.Index, which shares
// the search.
func knnProduct(ctx context.Context, t *test) (tree, error) {
	in := t.knnInputs()
	bank, queries := rows(in.bank), rows(in.queries)
	bank.Labels, queries.Labels = in.labels, make([]int, queries.N)
	bank.Classes = make([]string, in.classes)
	m := eval.KNN{K: in.k, Temperature: in.temperature}
	predictions, err := m.Predict(ctx, bank, queries)
	if err != nil {
		return nil, err
	}
	x, err := index.New(bank)
	if err != nil {
		return nil, err
	}
	hits, err := x.Search(ctx, queries, in.k)
	if err != nil {
		return nil, err
	}
	var neighbours [][]int
	var scores [][]float64
	for _, near := range hits {
		var rows, labels []int
		var similarities []float32
		total := 0.0
		for _, h := range near {
			rows, labels, similarities = append(rows, h.Index), append(labels, bank.Labels[h.Index]), append(similarities, h.Similarity)
			total += math.Exp(float64(h.Similarity) / in.temperature)
		}
		_, shares := m.Vote(similarities, labels, in.classes)
		neighbours, scores = append(neighbours, rows), append(scores, scale(total, shares))
	}
	return tree{"neighbours": neighbours, "scores": scores, "predictions": predictions}, nil
}

func rows(m [][]float64) *eval.Features {
	return &eval.Features{N: len(m), D: len(m[0]), Data: singles(slices.Concat(m...))}
}
