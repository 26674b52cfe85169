package verify

import (
	"context"
	"fmt"

	"alike/eval"
)

// recallProduct is eval.Retrieval.
func recallProduct(ctx context.Context, t *test) (tree, error) {
	in := t.recallInputs()
	gallery := rows(in.gallery)
	gallery.Labels = in.galleryLabels
	queries := gallery
	if !in.self {
		queries = rows(in.queries)
		queries.Labels = in.labels
	}
	result := tree{}
	for _, k := range in.k {
		m := eval.Retrieval{K: []int{k}, Bootstrap: eval.DefaultBootstrap()}
		scores, err := m.Scores(ctx, gallery, queries)
		if err != nil {
			return nil, err
		}
		result[fmt.Sprintf("recall@%d", k)] = scores[0].Value
	}
	// Only the whole ranking is sure to hold the first match.
	rankings, err := eval.Retrieval{K: []int{gallery.N}, Bootstrap: eval.DefaultBootstrap()}.Rank(ctx, gallery, queries)
	if err != nil {
		return nil, err
	}
	first := make([]int, len(rankings))
	for i, r := range rankings {
		first[i] = r.First
	}
	result["rank_of_first_match_1based_0_if_none"] = first
	return result, nil
}

// nmiProduct is eval.MutualInformation.
func nmiProduct(_ context.Context, t *test) (tree, error) {
	labels, clusters := t.nmiInputs()
	i := eval.MutualInformation(labels, clusters)
	return tree{
		"mutual_information_nats": i.Mutual,
		"entropy_labels_nats":     i.Labels,
		"entropy_clusters_nats":   i.Clusters,
		"nmi_arithmetic":          i.Arithmetic(),
		"nmi_geometric":           i.Geometric(),
	}, nil
}
