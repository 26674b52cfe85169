package verify

import (
	"math"

	"alike/loss"
	"alike/loss/losstest"
)

// The twins of the losses of single pairs and triplets.

func init() {
	claim("margin_triplet", 1, marginTripletTwin,
		losstest.Configuration{YAML: "{name: margin_triplet, negatives: all, margin: 0.8}", Logit: 1},
		losstest.Configuration{YAML: "{name: margin_triplet, negatives: all, margin: 0, other_view: false}", Logit: 1},
		losstest.Configuration{YAML: "{name: margin_triplet, negatives: all, positives: hard}", Logit: 1},
		losstest.Configuration{YAML: "{name: margin_triplet, other_view: false, margin: 1.6}", Logit: 1})
	claim("ntlogistic", 2, ntLogisticTwin,
		losstest.Configuration{YAML: "{name: ntlogistic, negatives: mean, temperature: 0.1}", Logit: 10},
		losstest.Configuration{YAML: "{name: ntlogistic, negatives: sum, other_view: false, temperature: 0.01}", Logit: 100},
		losstest.Configuration{YAML: "{name: ntlogistic, other_view: false, temperature: 0.00005}", Logit: 2e4})
	claim("contrastive", 1, contrastiveTwin,
		losstest.Configuration{YAML: "{name: contrastive, margin: 1.9}", Logit: 1})
	claim("multi_similarity", 50, multiSimilarityTwin,
		losstest.Configuration{YAML: "{name: multi_similarity, mining: false, base: 0.5, beta: 40}", Logit: 40},
		losstest.Configuration{YAML: "{name: multi_similarity, mining: false, alpha: 20000, beta: 20000}", Logit: 2e4})
}

// least returns the positive that is least like a row, or -1.
func (b twinBatch) least(s [][]float64, a int) int {
	index := -1
	for _, p := range b.positives(a) {
		if index < 0 || s[a][p] < s[a][index] {
			index = p
		}
	}
	return index
}

func marginTripletTwin(l *loss.MarginTriplet, b twinBatch) float64 {
	s := embed(b.Z).s
	var m average
	for a := range s {
		p := b.least(s, a)
		if l.Positives != loss.Hard {
			p = largest(s[a], func(p int) bool { return b.Positive[a][p] })
		}
		if p < 0 {
			continue
		}
		hinge := func(n int) float64 { return max(s[a][n]-s[a][p]+l.Margin, 0) }
		if l.Negatives == loss.All {
			for n := range s {
				if b.repelled(a, n, l.OtherView) {
					m.add(b.weight(a), hinge(n))
				}
			}
			continue
		}
		n := largest(s[a], func(n int) bool {
			return b.repelled(a, n, l.OtherView) && s[a][p]-l.Margin < s[a][n] && s[a][n] < s[a][p]
		})
		if n < 0 {
			m.add(b.weight(a), 0)
		} else {
			m.add(b.weight(a), hinge(n))
		}
	}
	return m.value()
}

func ntLogisticTwin(l *loss.NTLogistic, b twinBatch) float64 {
	s := over(l.Temperature, embed(b.Z).s)
	var m average
	for a := range s {
		p := b.least(s, a)
		if p < 0 {
			continue
		}
		var near, far average
		for _, p := range b.positives(a) {
			near.add(1, softplus(-s[a][p]))
		}
		chosen := largest(s[a], func(n int) bool { return b.repelled(a, n, l.OtherView) && s[a][n] < s[a][p] })
		for n := range s {
			if b.repelled(a, n, l.OtherView) && (l.Negatives != loss.SemiHard || n == chosen) {
				far.add(1, softplus(s[a][n]))
			}
		}
		if l.Negatives == loss.Sum {
			m.add(b.weight(a), near.value()+far.sum)
		} else {
			m.add(b.weight(a), near.value()+far.value())
		}
	}
	return m.value()
}

func contrastiveTwin(l *loss.Contrastive, b twinBatch) float64 {
	u := embed(b.Z).u
	var near, far average
	for i := range u {
		for j := range u {
			d := distance(u[i], u[j], -1)
			switch {
			case b.Positive[i][j]:
				near.add(b.weight(i), d*d/2)
			case b.negative(i, j):
				gap := max(0, l.Margin-d)
				far.add(b.weight(i), gap*gap/2)
			}
		}
	}
	return near.value() + far.value()
}

func multiSimilarityTwin(l *loss.MultiSimilarity, b twinBatch) float64 {
	s := embed(b.Z).s
	var m average
	for a := range s {
		least, most := math.Inf(1), math.Inf(-1)
		for k := range s {
			if b.Positive[a][k] {
				least = min(least, s[a][k])
			} else if k != a {
				most = max(most, s[a][k])
			}
		}
		near, far := []float64{0}, []float64{0} // the 1 in the logarithms
		for k := range s {
			switch {
			case b.Positive[a][k] && (!l.Mining || s[a][k] < most+l.Epsilon):
				near = append(near, -l.Alpha*(s[a][k]-l.Base))
			case b.negative(a, k) && (!l.Mining || s[a][k] > least-l.Epsilon):
				far = append(far, l.Beta*(s[a][k]-l.Base))
			}
		}
		m.add(b.weight(a), logSumExp(near, all)/l.Alpha+logSumExp(far, all)/l.Beta)
	}
	return m.value()
}
