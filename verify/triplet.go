package verify

import "math"

func init() {
	operations["margin_triplet"] = operation{twin: marginTriplet, graph: marginTripletGraph}
	operations["nt_logistic"] = operation{twin: ntLogistic, graph: ntLogisticGraph}
}

// triplets are anchors with their positive and the negatives that count.
type triplets struct {
	embeddings
	positive []int
	negative func(a, n int) bool
}

func (t *test) triplets() triplets {
	e := embed(t.inputs.field("z").matrix())
	m := len(e.z)
	p := t.positives(m)
	block := t.params.field("layout").text() == "block"
	view := func(i int) bool { return block && i < m/2 || !block && i%2 == 0 }
	both := t.params.field("negatives").oneOf("both", "other") == "both"
	return triplets{e, p, func(a, n int) bool {
		return n != a && n != p[a] && (both || view(n) != view(a))
	}}
}

// negatives is the number of negatives of an anchor.
func (x triplets) negatives(a int) int {
	count := 0
	for n := range x.s {
		if x.negative(a, n) {
			count++
		}
	}
	return count
}

// semiHard returns for each anchor the most similar negative that is less similar
// than the positive, by less than the margin; -1 where there is none.
func (x triplets) semiHard(margin float64) []int {
	index := make([]int, len(x.s))
	for a, row := range x.s {
		s := row[x.positive[a]]
		index[a] = largest(row, func(n int) bool {
			return x.negative(a, n) && s-margin < row[n] && row[n] < s
		})
	}
	return index
}

// marginTriplet is the ablation's hinge (Chen et al. 2020, table 2):
//
//	l(a,n) = max(s_an - s_ap + m, 0)
//
// over all negatives, or over the semi-hard one of each anchor.
func marginTriplet(t *test) tree {
	x, margin := t.triplets(), t.params.field("margin").float()
	m := len(x.z)
	hinge := func(g [][]float64, a, n int) float64 {
		l := x.s[a][n] - x.s[a][x.positive[a]] + margin
		if l <= 0 {
			return 0
		}
		g[a][n]++
		g[a][x.positive[a]]--
		return l
	}

	allG, every, active, count := zeros(m, m), 0.0, 0, 0
	for a := range m {
		count += x.negatives(a)
		for n := range m {
			if !x.negative(a, n) {
				continue
			}
			if l := hinge(allG, a, n); l > 0 {
				every += l
				active++
			}
		}
	}
	semiG, semi, selected := zeros(m, m), 0.0, 0
	index := x.semiHard(margin)
	for a, n := range index {
		if n >= 0 {
			semi += hinge(semiG, a, n)
			selected++
		}
	}
	gradient := func(g [][]float64, by int) [][]float64 {
		for i := range g {
			g[i] = scale(1/float64(max(1, by)), g[i])
		}
		return x.gradZ(x.gradU(g))
	}
	return tree{
		"semihard_negative_index":               index,
		"semihard_loss_mean_over_anchors":       semi / float64(m),
		"semihard_loss_mean_over_selected":      semi / float64(max(1, selected)),
		"semihard_grad_wrt_input":               gradient(semiG, m),
		"all_negatives_loss_mean_over_triplets": every / float64(max(1, count)),
		"all_negatives_active_triplets":         active,
		"num_triplets":                          count,
		"all_negatives_grad_wrt_input":          gradient(allG, count),
	}
}

// ntLogistic is the ablation's logistic loss (Chen et al. 2020, table 2):
//
//	l_a = -ln σ(s_ap/τ) - ln σ(-s_an/τ)
//
// with the second term as the mean or the sum over the negatives, or for the
// semi-hard one; then the mean over the anchors.
func ntLogistic(t *test) tree {
	x, tau := t.triplets(), t.params.field("temperature").positive()
	logits := t.logits(x.s, tau)
	index := x.semiHard(math.Inf(1))
	result := tree{"semihard_negative_index": index}
	for _, form := range []struct {
		name   string
		weight func(a, n int) float64
	}{
		{"mean", func(a, _ int) float64 { return 1 / float64(x.negatives(a)) }},
		{"sum", func(_, _ int) float64 { return 1 }},
		{"semihard", func(a, n int) float64 {
			if n == index[a] {
				return 1
			}
			return 0
		}},
	} {
		m := len(logits)
		loss, g := 0.0, zeros(m, m)
		for a, row := range logits {
			p := x.positive[a]
			loss += softplus(-row[p]) / float64(m)
			g[a][p] = -sigmoid(-row[p]) / (tau * float64(m))
			for n := range row {
				if x.negative(a, n) {
					w := form.weight(a, n) / float64(m)
					loss += w * softplus(row[n])
					g[a][n] = w * sigmoid(row[n]) / tau
				}
			}
		}
		result["loss_negatives_"+form.name] = loss
		result["grad_negatives_"+form.name+"_wrt_input"] = x.gradZ(x.gradU(g))
	}
	return result
}
