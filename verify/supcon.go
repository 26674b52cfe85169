package verify

import "math"

func init() { operations["supcon"] = operation{twin: supCon, graph: supConGraph} }

// supCon is the supervised contrastive loss (Khosla et al. 2020). With l_ap = ln
// softmax over k ≠ a of s_ak/τ, and P(a) the other rows of a's class,
//
//	out: -1/|P| Σ_{p∈P} l_ap        in: -ln( 1/|P| Σ_{p∈P} exp(l_ap) )
//
// as a mean over the anchors that have a positive, or over all anchors.
func supCon(t *test) tree {
	e := embed(t.inputs.field("z").matrix())
	m, tau := len(e.z), t.params.field("temperature").positive()
	labels := t.inputs.field("labels").wholes(m)
	factor := t.params.field("base_temperature_factor").float()
	logits := t.logits(e.s, tau)

	var out, in, valid float64
	g := zeros(m, m)
	for a, row := range logits {
		positive := func(k int) bool { return k != a && labels[k] == labels[a] }
		count := 0.0
		total := logSumExp(row, but(a))
		for p := range row {
			if positive(p) {
				count++
			}
		}
		if count == 0 {
			continue
		}
		valid++
		in += total + math.Log(count) - logSumExp(row, positive)
		for k := range row {
			if k != a {
				g[a][k] += math.Exp(row[k]-total) / tau
			}
			if positive(k) {
				out += (total - row[k]) / count
				g[a][k] -= 1 / (tau * count)
			}
		}
	}
	valid = max(valid, 1)
	for a := range g {
		g[a] = scale(factor/valid, g[a])
	}
	return tree{
		"loss_out_mean_over_valid_anchors": factor * out / valid,
		"loss_out_mean_over_all_anchors":   factor * out / float64(m),
		"loss_in_mean_over_valid_anchors":  factor * in / valid,
		"loss_in_mean_over_all_anchors":    factor * in / float64(m),
		"grad_out_mean_valid_wrt_input":    e.gradZ(e.gradU(g)),
	}
}
