package verify

import "math"

func init() { operations["ice"] = operation{twin: ice, graph: iceGraph} }

// ice is instance cross entropy (Wang et al. 2019): for each anchor a and each
// other row i of its class, with N(a) the rows of other classes,
//
//	l(a,i) = ln( exp(s S_ai) + Σ_{n∈N(a)} exp(s S_an) ) - s S_ai
func ice(t *test) tree {
	z := t.inputs.field("z").matrix()
	labels, s := t.inputs.field("labels").wholes(len(z)), t.params.field("scale").positive()
	e := embed(z)
	if !t.params.field("l2_normalize").truth() {
		t.params.field("l2_normalize").fail("true")
	}
	logits := t.logits(e.s, 1/s)

	m := len(z)
	g, terms := zeros(m, m), [][]any{}
	sum, anchorMeans := 0.0, []float64{}
	for a, row := range logits {
		var own []float64
		for i := range row {
			if i == a || labels[i] != labels[a] {
				continue
			}
			candidate := func(k int) bool { return k == i || labels[k] != labels[a] }
			total := logSumExp(row, candidate)
			l := total - row[i]
			terms = append(terms, []any{a, i, l, math.Exp(-l)})
			sum += l
			own = append(own, l)
			for k := range row {
				if candidate(k) {
					g[a][k] += s * math.Exp(row[k]-total)
				}
			}
			g[a][i] -= s
		}
		if own != nil {
			anchorMeans = append(anchorMeans, mean(own))
		}
	}
	pairs := float64(max(1, len(terms))) // no pair at all gives 0
	for i := range g {
		g[i] = scale(1/pairs, g[i])
	}
	meanAnchors := 0.0
	if len(anchorMeans) > 0 {
		meanAnchors = mean(anchorMeans)
	}
	return tree{
		"loss_sum":                              sum,
		"loss_mean_pairs":                       sum / pairs,
		"loss_mean_anchors":                     meanAnchors,
		"pair_terms":                            terms,
		"pair_terms_columns":                    []string{"anchor", "positive", "loss", "matching_probability"},
		"num_pairs":                             len(terms),
		"num_anchors_with_positive":             len(anchorMeans),
		"grad_mean_pairs_wrt_similarity_matrix": g,
		"grad_mean_pairs_wrt_unit_vectors":      e.gradU(g),
		"grad_mean_pairs_wrt_input":             e.gradZ(e.gradU(g)),
	}
}
