package verify

import (
	"math"

	"alike/loss"
	"alike/loss/losstest"
)

// The twins of the losses with parameters of the classes.

func init() {
	claim("cross_entropy", 5, crossEntropyTwin)
	amend("cross_entropy", func(c *losstest.Claims) {
		c.ScaleInvariant = func(loss.Loss) bool { return false }
	})
	claim("arcface", 64, arcFaceTwin,
		losstest.Configuration{YAML: "{name: arcface, scale: 4, margin: 0}", Logit: 4},
		losstest.Configuration{YAML: "{name: arcface, scale: 16, margin: 3}", Logit: 16},
		losstest.Configuration{YAML: "{name: arcface, scale: 20000}", Logit: 2e4})
	claim("proxy_nca", 18, proxyNCATwin,
		losstest.Configuration{YAML: "{name: proxy_nca, scale: 1}", Logit: 2},
		losstest.Configuration{YAML: "{name: proxy_nca, scale: 20000}", Logit: 4e4})
}

// perRow is the mean of l over the rows that have a class y.
func (b twinBatch) perRow(l func(i, y int) float64) float64 {
	var m average
	for i, y := range b.Label {
		if y >= 0 {
			m.add(b.weight(i), l(i, int(y)))
		}
	}
	return m.value()
}

func crossEntropyTwin(_ *loss.CrossEntropy, b twinBatch) float64 {
	logits := products(b.Z, b.Proxies)
	return b.perRow(func(i, y int) float64 {
		add(logits[i], 1, b.Bias)
		return matched(logits[i], y, all)
	})
}

func arcFaceTwin(l *loss.ArcFace, b twinBatch) float64 {
	u, w := embed(b.Z).u, embed(b.Proxies).u
	cos := products(u, w)
	return b.perRow(func(i, y int) float64 {
		logits := scale(l.Scale, cos[i])
		theta := angle(cos[i][y], u[i], w[y])
		logits[y] = l.Scale * math.Cos(theta+l.Margin)
		if theta+l.Margin > math.Pi {
			logits[y] = l.Scale * (cos[i][y] - l.Margin*math.Sin(l.Margin))
		}
		return matched(logits, y, all)
	})
}

func proxyNCATwin(l *loss.ProxyNCA, b twinBatch) float64 {
	u, p := embed(b.Z).u, embed(b.Proxies).u
	if len(p) < 2 {
		return 0
	}
	return b.perRow(func(i, y int) float64 {
		logits := make([]float64, len(p))
		for c := range p {
			logits[c] = -l.Scale * math.Pow(distance(u[i], p[c], -1), 2)
		}
		return matched(logits, y, but(y))
	})
}

// angle is the arc cosine of x·y; near 0 and π, where that loses digits, it is
// computed from the lengths of x - y and x + y, of which one is short.
func angle(cos float64, x, y []float64) float64 {
	if math.Abs(cos) < 0.9 {
		return math.Acos(cos)
	}
	return 2 * math.Atan2(distance(x, y, -1), distance(x, y, 1))
}

// distance is |x + c y|.
func distance(x, y []float64, c float64) float64 {
	d := 0.0
	for k := range x {
		d = math.Hypot(d, x[k]+c*y[k])
	}
	return d
}
