package verify

import (
	"math"

	"alike/loss"
	"alike/loss/losstest"
)

// The twins of the losses of pairs that are sums over a softmax.

func init() {
	claim("ntxent", 2, ntXentTwin,
		losstest.Configuration{YAML: "{name: ntxent, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: ntxent, temperature: 0.00005}", Logit: 2e4},
		losstest.Configuration{YAML: "{name: ntxent, temperature: 10, l2_normalize: false}", Logit: 1})
	amend("ntxent", func(c *losstest.Claims) {
		c.ScaleInvariant = func(l loss.Loss) bool { return l.(*loss.NTXent).L2Normalize }
	})
	claim("ice", 64, iceTwin,
		losstest.Configuration{YAML: "{name: ice, scale: 10, reduction: mean_anchors}", Logit: 10},
		losstest.Configuration{YAML: "{name: ice, scale: 16, reduction: sum}", Logit: 16},
		losstest.Configuration{YAML: "{name: ice, scale: 16, unit_gradient: true}", Logit: 16},
		losstest.Configuration{YAML: "{name: ice, scale: 20000}", Logit: 2e4})
	claim("supcon", 10, supConTwin,
		losstest.Configuration{YAML: "{name: supcon, form: in}", Logit: 10},
		losstest.Configuration{YAML: "{name: supcon, all_rows: true, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: supcon, form: in, temperature: 0.00005}", Logit: 2e4})
	claim("isif_symmetric", 10, isifSymmetricTwin,
		losstest.Configuration{YAML: "{name: isif_symmetric, stop_gradient: false}", Logit: 10},
		losstest.Configuration{YAML: "{name: isif_symmetric, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: isif_symmetric, spreading: 0}", Logit: 10},
		losstest.Configuration{YAML: "{name: isif_symmetric, invariance: 0, stop_gradient: false}", Logit: 10},
		losstest.Configuration{YAML: "{name: isif_symmetric, temperature: 0.00005, stop_gradient: false}", Logit: 2e4})
	claim("isif_paper", 10, isifPaperTwin,
		losstest.Configuration{YAML: "{name: isif_paper, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: isif_paper, temperature: 0.00005}", Logit: 2e4})
	amend("isif_paper", func(c *losstest.Claims) { c.OrderedViews = true })
	claim("dcl", 10, dclTwin,
		losstest.Configuration{YAML: "{name: dcl, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: dcl, temperature: 0.00005}", Logit: 2e4})
	claim("npair", 10, nPairTwin,
		losstest.Configuration{YAML: "{name: npair, regularization: 0}", Logit: 10})
	amend("npair", func(c *losstest.Claims) {
		c.ScaleInvariant = func(loss.Loss) bool { return false }
	})
}

func dclTwin(l *loss.DCL, b twinBatch) float64 {
	s := embed(b.Z).s
	var m average
	for a := range s {
		sum, top := 0.0, math.Inf(-1)
		for n := range s {
			if b.negative(a, n) {
				top = max(top, s[a][n]/l.Temperature)
			}
		}
		for n := range s {
			if b.negative(a, n) {
				sum += math.Exp(s[a][n]/l.Temperature - top)
			}
		}
		for _, p := range b.positives(a) {
			pair := -s[a][p] / l.Temperature
			if sum > 0 {
				pair += top + math.Log(sum)
			}
			m.add(b.weight(a), pair)
		}
	}
	return m.value()
}

// matched is -ln( exp(s_i) / Σ_k exp(s_k) ) over the k that are wanted.
func matched(s []float64, i int, wanted func(k int) bool) float64 { return logSumExp(s, wanted) - s[i] }

// notMatched is -ln( 1 - exp(s_i) / Σ_k exp(s_k) ) over the k that are wanted.
func notMatched(s []float64, i int, wanted func(k int) bool) float64 {
	return logSumExp(s, wanted) - logSumExp(s, func(k int) bool { return k != i && wanted(k) })
}

// over returns s / τ.
func over(temperature float64, s [][]float64) [][]float64 {
	l := zeros(len(s), len(s[0]))
	for i := range s {
		add(l[i], 1/temperature, s[i])
	}
	return l
}

func ntXentTwin(l *loss.NTXent, b twinBatch) float64 {
	s := products(b.Z, b.Z)
	if l.L2Normalize {
		s = embed(b.Z).s
	}
	s = over(l.Temperature, s)
	var m average
	for a := range s {
		for _, p := range b.positives(a) {
			m.add(b.weight(a), matched(s[a], p, but(a)))
		}
	}
	return m.value()
}

func iceTwin(l *loss.ICE, b twinBatch) float64 {
	s := over(1/l.Scale, embed(b.Z).s)
	var pairs, anchors average
	for a := range s {
		var own average
		for _, i := range b.positives(a) {
			loss := matched(s[a], i, func(k int) bool { return k == i || b.negative(a, k) })
			if l.UnitGradient {
				loss /= l.Scale
			}
			pairs.add(b.weight(a), loss)
			own.add(1, loss)
		}
		if own.total > 0 {
			anchors.add(b.weight(a), own.value())
		}
	}
	switch l.Reduction {
	case loss.MeanAnchors:
		return anchors.value()
	case loss.Sum:
		return pairs.sum
	}
	return pairs.value()
}

func supConTwin(l *loss.SupCon, b twinBatch) float64 {
	s := over(l.Temperature, embed(b.Z).s)
	var m average
	for a := range s {
		var out average
		var logs []float64
		for _, p := range b.positives(a) {
			out.add(1, matched(s[a], p, but(a)))
			logs = append(logs, -matched(s[a], p, but(a)))
		}
		switch {
		case logs == nil && l.AllRows:
			m.add(b.weight(a), 0)
		case logs == nil:
		case l.Form == loss.SupConIn:
			m.add(b.weight(a), math.Log(float64(len(logs)))-logSumExp(logs, all))
		default:
			m.add(b.weight(a), out.value())
		}
	}
	return m.value()
}

func isifSymmetricTwin(l *loss.ISIFSymmetric, b twinBatch) float64 {
	right := embed(b.Z).u
	if l.StopGradient {
		right = embed(b.fixed.Z).u
	}
	s := over(l.Temperature, products(embed(b.Z).u, right))
	var m average
	for i := range s {
		var near average
		far := 0.0
		for j := range s {
			switch {
			case j == i:
			case b.Positive[i][j]:
				near.add(1, matched(s[i], j, but(i)))
			default:
				far += notMatched(s[i], j, but(i))
			}
		}
		if near.total > 0 {
			m.add(b.weight(i), l.Invariance*near.value()+l.Spreading*far)
		}
	}
	return m.value()
}

func isifPaperTwin(l *loss.ISIFPaper, b twinBatch) float64 {
	s := over(l.Temperature, embed(b.Z).s)
	instance := func(k int) bool { return b.View[k] == 0 }
	var m average
	for i := range s {
		if !instance(i) {
			continue
		}
		j := 0.0
		for query := range s {
			switch {
			case !instance(query) && b.Positive[query][i]:
				j += matched(s[query], i, instance)
			case instance(query) && b.negative(query, i):
				j += notMatched(s[query], i, instance)
			}
		}
		m.add(b.weight(i), j)
	}
	return m.value()
}

func nPairTwin(l *loss.NPair, b twinBatch) float64 {
	s := products(b.Z, b.Z)
	var pairs, lengths average
	for a := range s {
		for _, p := range b.positives(a) {
			pairs.add(b.weight(a), matched(s[a], p, func(k int) bool { return k == p || b.repelled(a, k, true) }))
		}
		if len(b.positives(a)) > 0 {
			lengths.add(b.weight(a), l.Regularization/2*s[a][a])
		}
	}
	return pairs.value() + lengths.value()
}
