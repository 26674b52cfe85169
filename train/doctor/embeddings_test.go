package doctor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func randomBatch(rows, dim, views int, label []int32) Batch {
	random := rand.New(rand.NewPCG(1, 2))
	b := Batch{Dim: dim, Views: views, Label: label}
	for range rows * dim {
		b.Z = append(b.Z, float32(random.NormFloat64()+0.3))
	}
	return b
}

// twin computes the statistics from their definitions, pair by pair.
func twin(b Batch, sharpness float64) (e Embeddings) {
	m := len(b.Z) / b.Dim
	u := make([][]float64, m)
	for i := range u {
		norm := 0.0
		for _, x := range b.Z[i*b.Dim:][:b.Dim] {
			norm += float64(x) * float64(x)
		}
		for _, x := range b.Z[i*b.Dim:][:b.Dim] {
			u[i] = append(u[i], float64(x)/math.Sqrt(norm))
		}
	}
	distance2 := func(i, j int) (d float64) {
		for k := range u[i] {
			d += (u[i][k] - u[j][k]) * (u[i][k] - u[j][k])
		}
		return d
	}
	n := m / b.Views
	positive := func(i, j int) bool {
		if b.Label != nil {
			return i != j && b.Label[i] == b.Label[j] && b.Label[i] >= 0
		}
		return i != j && i%n == j%n
	}
	var align, spread, pos, neg, hard, pairs, different, positives, negatives float64
	var competitors []float64
	for i := range m {
		var weights []float64
		total := 0.0
		for j := range m {
			if i == j {
				continue
			}
			d := distance2(i, j)
			if i%n != j%n {
				spread, different = spread+math.Exp(-2*d), different+1
			}
			if !positive(i, j) {
				neg, negatives = neg+1-d/2, negatives+1
				weights = append(weights, math.Exp(sharpness*(1-d/2)))
				total += weights[len(weights)-1]
				continue
			}
			align, pos, positives = align+d, pos+1-d/2, positives+1
			nearer, rivals := 0.0, 0.0
			for k := range m {
				if k != i && !positive(i, k) {
					rivals++
					if distance2(i, k) < d {
						nearer++
					}
				}
			}
			if rivals > 0 {
				hard, pairs = hard+nearer/rivals, pairs+1
			}
		}
		entropy := 0.0
		for _, w := range weights {
			entropy -= w / total * math.Log(w/total)
		}
		if total > 0 {
			competitors = append(competitors, math.Exp(entropy))
		}
	}
	e.Alignment, e.Uniformity = align/positives, math.Log(spread/different)
	e.PositiveSimilarity, e.NegativeSimilarity = pos/positives, neg/negatives
	e.HardNegatives = hard / pairs
	slices.Sort(competitors)
	e.Competitors = competitors[len(competitors)/2]
	var svd mat.SVD
	svd.Factorize(mat.NewDense(m, b.Dim, slices.Concat(u...)), mat.SVDNone)
	sigma, sum := svd.Values(nil), 0.0
	for _, s := range sigma {
		sum += s
	}
	for _, s := range sigma {
		if s > 0 {
			e.EffectiveRank -= s / sum * math.Log(s/sum)
		}
	}
	e.EffectiveRank = math.Exp(e.EffectiveRank)
	return e
}

func TestLookAgreesWithItsTwin(t *testing.T) {
	for _, tc := range []struct {
		name string
		b    Batch
	}{
		{"two views, more rows than dimensions", randomBatch(24, 5, 2, nil)},
		{"two views, fewer rows than dimensions", randomBatch(8, 19, 2, nil)},
		{"three views", randomBatch(12, 7, 3, nil)},
		{"labels, one row without", randomBatch(9, 6, 1, []int32{0, 0, 0, 1, 1, 2, 2, 2, -1})},
	} {
		got, want := Look(tc.b, 5), twin(tc.b, 5)
		for _, f := range []struct {
			name      string
			got, want float64
		}{
			{"alignment", got.Alignment, want.Alignment},
			{"uniformity", got.Uniformity, want.Uniformity},
			{"effective rank", got.EffectiveRank, want.EffectiveRank},
			{"positive similarity", got.PositiveSimilarity, want.PositiveSimilarity},
			{"negative similarity", got.NegativeSimilarity, want.NegativeSimilarity},
			{"hard negatives", got.HardNegatives, want.HardNegatives},
			{"competitors", got.Competitors, want.Competitors},
		} {
			if !(math.Abs(f.got-f.want) <= 1e-4*math.Abs(f.want)) { // five digits are kept
				t.Errorf("%s: %s %g, want %g", tc.name, f.name, f.got, f.want)
			}
		}
	}
}

func TestLookAtTheExtremes(t *testing.T) {
	sum := func(h Histogram) (n int) {
		for _, c := range h.Counts {
			n += c
		}
		return n
	}
	same := Batch{Z: slices.Repeat([]float32{1, 2, 3}, 8), Dim: 3, Views: 2}
	if e := Look(same, 2); e.EffectiveRank != 1 || e.Alignment != 0 || e.Uniformity != 0 || e.HardNegatives != 0.5 || e.Competitors != 6 || e.Deviations.Counts[0] != 3 || sum(e.Positives) != 4 || sum(e.Negatives) != 24 {
		t.Errorf("equal rows: %+v", e)
	}
	axes := Batch{Z: make([]float32, 8*4), Dim: 4, Views: 2} // image i is axis i in both views
	for r := range 8 {
		axes.Z[r*4+r%4] = 7
	}
	if e := Look(axes, 2); e.EffectiveRank != 4 || e.MaxRank != 4 || e.Alignment != 0 || e.Uniformity != -4 || e.HardNegatives != 0 || e.NegativeSimilarity != 0 {
		t.Errorf("orthogonal images: %+v", e)
	}
	if e := Look(Batch{Z: []float32{1, 2, float32(math.NaN()), 4}, Dim: 2, Views: 2}, 2); e.MaxRank != 0 {
		t.Errorf("NaN: %+v", e)
	}
	if e := Look(Batch{Z: make([]float32, 8), Dim: 2, Views: 2}, 2); math.IsNaN(e.EffectiveRank + e.Uniformity + e.Competitors) {
		t.Errorf("zeros: %+v", e)
	}
	if e := Look(randomBatch(6, 3, 1, nil), 0); e.Alignment != 0 || e.HardNegatives != 0 || e.Uniformity >= 0 {
		t.Errorf("no positives: %+v", e)
	}
	if e := Look(randomBatch(2000, 16, 2, nil), 2); e.MaxRank != 16 || sum(e.Positives) != maxRows/2 {
		t.Errorf("a large batch: %d positives looked at", sum(e.Positives))
	}
}

func TestLayersJoinTheirParameters(t *testing.T) {
	got := Layers([]Parameter{
		{Path: "/layer1/0/bn1/bias", Gradient: 9, Weight: 1, Update: 4, Bias: []float32{0, 1, 0, -1}},
		{Path: "/layer1/0/bn1/weight", Gradient: 16, Weight: 3},
		{Path: "/layer1/0/conv1/weight", Gradient: 1, Weight: 4, Update: 0.01},
	})
	want := []Layer{
		{Name: "layer1.0.bn1", Gradient: 5, Weight: 2, Update: 2, Units: 4, Dead: 0.5},
		{Name: "layer1.0.conv1", Gradient: 1, Weight: 2, Update: 0.1},
	}
	if !slices.Equal(got, want) || got[1].Moved() != 0.05 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBriefKeepsFiveDigits(t *testing.T) {
	for x, want := range map[float64]float64{0.123456789: 0.12346, -98765.4321: -98765, 3: 3, 1e-320: 0, math.Inf(1): 0, 0: 0} {
		if got := brief(x); got != want {
			t.Errorf("brief(%g) = %g, want %g", x, got, want)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	batch := randomBatch(512, 128, 2, nil)
	for b.Loop() {
		Look(batch, 2)
	}
}
