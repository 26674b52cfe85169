package verify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

func init() {
	operations["weighted_knn"] = operation{twin: weightedKNN, host: knnProduct, precision: single}
	operations["recall_at_k"] = operation{twin: recallAtK, host: recallProduct, precision: double}
	operations["nmi"] = operation{twin: nmi, host: nmiProduct, precision: double}
}

// ranking returns for each query the rows of the gallery by falling cosine, the
// lower row first of equals.
func ranking(queries, gallery embeddings) (order [][]int, s [][]float64) {
	s = products(queries.u, gallery.u)
	for _, row := range s {
		o := make([]int, len(row))
		for i := range o {
			o[i] = i
		}
		slices.SortStableFunc(o, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
		order = append(order, o)
	}
	return order, s
}

// knnInputs are what weighted kNN classifies, and how.
type knnInputs struct {
	bank, queries [][]float64
	labels        []int
	k, classes    int
	temperature   float64
}

func (t *test) knnInputs() knnInputs {
	in := knnInputs{
		bank:        t.inputs.field("bank").matrix(),
		k:           t.params.field("k").whole(1),
		classes:     t.params.field("num_classes").size(),
		temperature: t.params.field("temperature").positive(),
	}
	in.queries = t.inputs.field("queries").matrixOf(len(in.bank[0]))
	in.labels = t.inputs.field("bank_labels").wholes(len(in.bank))
	if top := slices.Max(in.labels); top >= in.classes {
		t.params.field("num_classes").fail("more than the largest label, %d", top)
	}
	return in
}

// weightedKNN: the k rows of the bank with the largest cosine c vote for their
// class with weight exp(c/τ).
func weightedKNN(t *test) tree {
	in := t.knnInputs()
	order, s := ranking(embed(in.queries), embed(in.bank))
	t.logits(s, in.temperature)
	scores, predictions := zeros(len(order), in.classes), []int{}
	for q, row := range order {
		order[q] = row[:min(in.k, len(row))]
		for _, i := range order[q] {
			scores[q][in.labels[i]] += math.Exp(s[q][i] / in.temperature)
		}
		predictions = append(predictions, largest(scores[q], all))
	}
	return tree{"neighbours": order, "scores": scores, "predictions": predictions}
}

// recallInputs are queries and the gallery that is searched, which are the same
// rows for self.
type recallInputs struct {
	queries, gallery      [][]float64
	labels, galleryLabels []int
	self                  bool
	k                     []int
}

func (t *test) recallInputs() (in recallInputs) {
	in.self = t.params.field("protocol").oneOf("leave-self-out", "query-gallery") == "leave-self-out"
	names := [4]string{"queries", "query_labels", "gallery", "gallery_labels"}
	if in.self {
		names = [4]string{"x", "labels", "x", "labels"}
	}
	in.queries = t.inputs.field(names[0]).matrix()
	in.gallery = t.inputs.field(names[2]).matrixOf(len(in.queries[0]))
	in.labels = t.inputs.field(names[1]).wholes(len(in.queries))
	in.galleryLabels = t.inputs.field(names[3]).wholes(len(in.gallery))
	for _, k := range t.params.field("k").list() {
		in.k = append(in.k, k.whole(1))
	}
	return in
}

// recallAtK is the share of queries with a row of their class among the K nearest;
// a query without any counts as a miss.
func recallAtK(t *test) tree {
	in := t.recallInputs()
	order, _ := ranking(embed(in.queries), embed(in.gallery))
	ranks := make([]int, len(order))
	for q, row := range order {
		if in.self {
			row = slices.DeleteFunc(row, func(i int) bool { return i == q })
		}
		ranks[q] = 1 + slices.IndexFunc(row, func(i int) bool { return in.galleryLabels[i] == in.labels[q] })
	}
	result := tree{"rank_of_first_match_1based_0_if_none": ranks}
	for _, k := range in.k {
		hits := 0
		for _, r := range ranks {
			if 0 < r && r <= k {
				hits++
			}
		}
		result[fmt.Sprintf("recall@%d", k)] = float64(hits) / float64(len(ranks))
	}
	return result
}

func (t *test) nmiInputs() (labels, clusters []int) {
	labels = t.inputs.field("labels").wholes(-1)
	clusters = t.inputs.field("clusters").wholes(len(labels))
	if len(labels) == 0 {
		t.inputs.field("labels").fail("at least one label")
	}
	return labels, clusters
}

// nmi is the mutual information of classes and clusters, normalised by the
// arithmetic or the geometric mean of their entropies. A single class in a single
// cluster is 1; one of the two alone is 0.
func nmi(t *test) tree {
	labels, clusters := t.nmiInputs()
	n := float64(len(labels))
	p, q, joint := map[int]float64{}, map[int]float64{}, map[[2]int]float64{}
	for i := range labels {
		p[labels[i]] += 1 / n
		q[clusters[i]] += 1 / n
		joint[[2]int{labels[i], clusters[i]}] += 1 / n
	}
	information := 0.0
	for at, share := range joint {
		information += share * math.Log(share/(p[at[0]]*q[at[1]]))
	}
	h1, h2 := entropy(p), entropy(q)
	arithmetic, geometric := 0.0, 0.0
	switch {
	case len(p) == 1 && len(q) == 1:
		arithmetic, geometric = 1, 1
	case len(p) > 1 && len(q) > 1:
		arithmetic, geometric = 2*information/(h1+h2), information/math.Sqrt(h1*h2)
	}
	return tree{
		"mutual_information_nats": information,
		"entropy_labels_nats":     h1,
		"entropy_clusters_nats":   h2,
		"nmi_arithmetic":          arithmetic,
		"nmi_geometric":           geometric,
	}
}

func entropy(shares map[int]float64) float64 {
	h := 0.0
	for _, p := range shares {
		h -= p * math.Log(p)
	}
	return h
}
