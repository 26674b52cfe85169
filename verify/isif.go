package verify

import "math"

func init() {
	operations["isif_paper"] = operation{twin: isifPaper, graph: isifPaperGraph}
	operations["isif_symmetric"] = operation{twin: isifSymmetric, graph: isifSymmetricGraph}
}

// isifPaper is the loss of the ISIF paper (Ye et al. 2019). With unit vectors f_i
// of the m instances and h_i of their augmented copies,
//
//	P(i|h_i) = exp(f_i·h_i/τ) / Σ_k exp(f_k·h_i/τ)
//	P(i|f_j) = exp(f_i·f_j/τ) / Σ_k exp(f_k·f_j/τ)    k = j included
//	J = -Σ_i ln P(i|h_i) - Σ_i Σ_{j≠i} ln(1 - P(i|f_j))
func isifPaper(t *test) tree {
	instances := embed(t.inputs.field("instances").matrix())
	m := len(instances.z)
	copies := embed(t.inputs.field("augmented").matrixOf(len(instances.z[0])))
	if len(copies.z) != m {
		t.inputs.field("augmented").fail("%d rows, one an instance", m)
	}
	tau := t.params.field("temperature").positive()
	gradF, gradH := zeros(m, len(instances.z[0])), zeros(m, len(instances.z[0]))

	invariance := 0.0
	toCopies := t.logits(products(copies.u, instances.u), tau) // [i][k] = f_k·h_i/τ
	for i, row := range toCopies {
		total := logSumExp(row, all)
		invariance += total - row[i]
		for k := range row {
			g := math.Exp(row[k]-total) / tau
			if k == i {
				g -= 1 / tau
			}
			add(gradF[k], g, copies.u[i])
			add(gradH[i], g, instances.u[k])
		}
	}

	spreading := 0.0
	among := t.logits(instances.s, tau) // [j][k] = f_k·f_j/τ
	for j, row := range among {
		total := logSumExp(row, all)
		for i := range row {
			if i == j {
				continue
			}
			others := logSumExp(row, but(i))
			spreading += total - others // -ln(1 - P(i|f_j))
			for k := range row {
				g := math.Exp(row[k]-total) / tau
				if k != i {
					g -= math.Exp(row[k]-others) / tau
				}
				add(gradF[k], g, instances.u[j])
				add(gradF[j], g, instances.u[k])
			}
		}
	}
	return tree{
		"loss_sum":               invariance + spreading,
		"loss_mean":              (invariance + spreading) / float64(m),
		"invariance_term_sum":    invariance,
		"spreading_term_sum":     spreading,
		"grad_sum_wrt_instances": instances.gradZ(gradF),
		"grad_sum_wrt_augmented": copies.gradZ(gradH),
	}
}

// isifSymmetric is the loss of ISIF's code: all M rows of both branches are
// queries, and the query itself is left out of its denominator. With P_ij the
// softmax over j ≠ i of s_ij/τ and p(i) the other view,
//
//	L = -1/M Σ_i [ ln P_{i,p(i)} + Σ_{j≠i,p(i)} ln(1 - P_ij) ]
//
// The code treats the second factor of every product as a constant: dL/du = G u.
func isifSymmetric(t *test) tree {
	e := embed(t.inputs.field("z").matrix())
	m, tau := len(e.z), t.params.field("temperature").positive()
	positive := t.positives(m)
	logits := t.logits(e.s, tau)
	g := zeros(m, m)
	var near, far float64
	for i, row := range logits {
		total := logSumExp(row, but(i))
		near += total - row[positive[i]]
		share := make([]float64, m) // dl/d(s_ij/τ)
		for k := range row {
			if k != i {
				share[k] += math.Exp(row[k] - total)
			}
		}
		share[positive[i]]--
		for j := range row {
			if j == i || j == positive[i] {
				continue
			}
			rest := func(k int) bool { return k != i && k != j }
			others := logSumExp(row, rest)
			far += total - others // -ln(1 - P_ij)
			for k := range row {
				if k != i {
					share[k] += math.Exp(row[k] - total)
				}
				if rest(k) {
					share[k] -= math.Exp(row[k] - others)
				}
			}
		}
		add(g[i], 1/(tau*float64(m)), share)
	}
	stopped := zeros(m, len(e.z[0]))
	for i := range g {
		for k := range g {
			add(stopped[i], g[i][k], e.u[k])
		}
	}
	return tree{
		"loss":                             (near + far) / float64(m),
		"positive_term":                    near / float64(m),
		"negative_term":                    far / float64(m),
		"grad_full_wrt_input":              e.gradZ(e.gradU(g)),
		"grad_stop_right_factor_wrt_input": e.gradZ(stopped),
	}
}
