package verify

import "math"

func init() { operations["nt_xent"] = operation{twin: ntXent, graph: ntXentGraph} }

// ntXent is equation 1 of Chen et al. 2020: with s the cosine, or the dot
// product, of rows i and k, and p(i) the other view of row i's image,
//
//	l_i = ln Σ_{k≠i} exp(s_ik/τ) - s_{i,p(i)}/τ,   L = mean l_i
//	dL/ds_ik = (softmax_{k≠i}(s_i/τ)_k - [k = p(i)]) / (M τ)
func ntXent(t *test) tree {
	z, tau := t.inputs.field("z").matrix(), t.params.field("temperature").positive()
	positive := t.positives(len(z))
	normalise := t.params.field("l2_normalize").truth()
	e := embed(z)
	if !normalise {
		e.u, e.s = z, products(z, z)
	}
	logits := t.logits(e.s, tau)

	m := len(z)
	losses, g, hits := make([]float64, m), zeros(m, m), 0
	for i, row := range logits {
		total := logSumExp(row, but(i))
		losses[i] = total - row[positive[i]]
		for k := range row {
			if k != i {
				g[i][k] = math.Exp(row[k]-total) / (float64(m) * tau)
			}
		}
		g[i][positive[i]] -= 1 / (float64(m) * tau)
		if largest(row, but(i)) == positive[i] {
			hits++
		}
	}
	accuracy, entropy := crossView(logits, positive)
	result := tree{
		"loss":                                mean(losses),
		"loss_two_half_means":                 2 * mean(losses),
		"per_row_loss":                        losses,
		"grad_wrt_similarity_matrix":          g,
		"contrastive_accuracy_all_candidates": float64(hits) / float64(m),
		"cross_view_accuracy":                 accuracy,
		"cross_view_entropy_nats":             entropy,
	}
	if normalise {
		result["grad_wrt_unit_vectors"] = e.gradU(g)
		result["grad_wrt_input"] = e.gradZ(e.gradU(g))
	} else {
		result["grad_wrt_input"] = e.gradU(g)
	}
	return result
}

// crossView returns the statistics that the authors' code reports. Anchors are the
// rows of view 1, those before their positive; candidates are the rows of view 2:
//
//	p_ik = softmax over view 2 of s_ik/τ,   entropy = mean_i -Σ_k p_ik ln(p_ik + 1e-8)
func crossView(logits [][]float64, positive []int) (accuracy, entropy float64) {
	second := func(k int) bool { return positive[k] < k }
	anchors := 0.0
	for i, row := range logits {
		if second(i) {
			continue
		}
		anchors++
		if largest(row, second) == positive[i] {
			accuracy++
		}
		total := logSumExp(row, second)
		for k, x := range row {
			if second(k) {
				p := math.Exp(x - total)
				entropy -= p * math.Log(p+1e-8)
			}
		}
	}
	return accuracy / anchors, entropy / anchors
}

// largest returns the k that is wanted and has the largest value, -1 if there
// is none.
func largest(x []float64, wanted func(k int) bool) int {
	best := -1
	for k, v := range x {
		if wanted(k) && (best < 0 || v > x[best]) {
			best = k
		}
	}
	return best
}
