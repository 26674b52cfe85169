package eval

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// nmiTwin is the definition, over all pairs of a label and a cluster.
func nmiTwin(labels, clusters []int, k int) (arithmetic, geometric float64) {
	share := func(keep func(i int) bool) float64 {
		n := 0.0
		for i := range labels {
			if keep(i) {
				n++
			}
		}
		return n / float64(len(labels))
	}
	plogp := func(p float64) float64 {
		if p == 0 {
			return 0
		}
		return p * math.Log(p)
	}
	var mutual, h1, h2 float64
	for a := range k {
		p := share(func(i int) bool { return labels[i] == a })
		h1 -= plogp(p)
		h2 -= plogp(share(func(i int) bool { return clusters[i] == a }))
		for b := range k {
			q := share(func(i int) bool { return clusters[i] == b })
			if both := share(func(i int) bool { return labels[i] == a && clusters[i] == b }); both > 0 {
				mutual += both * math.Log(both/(p*q))
			}
		}
	}
	if h1 == 0 && h2 == 0 {
		return 1, 1
	}
	if h1 == 0 || h2 == 0 {
		return 0, 0
	}
	return 2 * mutual / (h1 + h2), mutual / math.Sqrt(h1*h2)
}

func TestMutualInformationAgreesWithItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 6).Draw(t, "k")
		draw := rapid.SliceOfN(rapid.IntRange(0, k-1), 1, 50)
		labels := draw.Draw(t, "labels")
		clusters := rapid.SliceOfN(rapid.IntRange(0, k-1), len(labels), len(labels)).Draw(t, "clusters")
		got := MutualInformation(labels, clusters)
		arithmetic, geometric := nmiTwin(labels, clusters, k)
		if math.Abs(got.Arithmetic()-arithmetic) > 1e-12 || math.Abs(got.Geometric()-geometric) > 1e-12 {
			t.Fatalf("NMI %g and %g, want %g and %g", got.Arithmetic(), got.Geometric(), arithmetic, geometric)
		}
	})
}

func TestNMIOfExtremes(t *testing.T) {
	for _, tc := range []struct {
		name             string
		labels, clusters []int
		want             float64
	}{
		{"one class, one cluster", []int{3, 3}, []int{5, 5}, 1},
		{"several classes, one cluster", []int{0, 1, 2}, []int{0, 0, 0}, 0},
		{"one class, several clusters", []int{0, 0, 0}, []int{0, 1, 2}, 0},
		{"the classes, under other names", []int{0, 0, 1, 2}, []int{9, 9, -4, 1}, 1},
		{"unrelated", []int{0, 0, 1, 1}, []int{0, 1, 0, 1}, 0},
	} {
		if got := MutualInformation(tc.labels, tc.clusters); got.Arithmetic() != tc.want || got.Geometric() != tc.want {
			t.Errorf("%s: NMI %g and %g, want %g", tc.name, got.Arithmetic(), got.Geometric(), tc.want)
		}
	}
}

func TestNMIScore(t *testing.T) {
	f := clusters(300, 8, 5, 0.7, 1)
	f.Set.SHA256 = "a"
	s, err := DefaultNMI().Score(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Protocol
	if s.Metric != "nmi_arithmetic" || p.Clusters != 5 || p.Restarts != 10 || p.Seed != 1 || p.LeaveOneOut || p.Queries.SHA256 != "a" || !strings.Contains(p.Variant, "arithmetic") {
		t.Errorf("score %+v", s)
	}
	if !(0.3 < s.Value && s.Value < 1 && s.CI95[0] < s.Value && s.Value < s.CI95[1]) {
		t.Errorf("NMI %g with the interval %g", s.Value, s.CI95)
	}
	m := DefaultNMI()
	m.Norm = "max"
	_, err = m.Score(t.Context(), f)
	wantError(t, err, `norm "max": must be arithmetic or geometric`)
}

func TestNMIOfACollapsedEmbeddingIsZero(t *testing.T) {
	f := clusters(50, 4, 3, 1, 1)
	for i := range f.Data {
		f.Data[i] = 1
	}
	s, err := DefaultNMI().Score(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if s.Value != 0 {
		t.Errorf("NMI %g", s.Value)
	}
}

// TestNMIIntervalIsAsWideAsTheSpread compares the interval with the spread of
// NMI over data drawn anew.
func TestNMIIntervalIsAsWideAsTheSpread(t *testing.T) {
	const n, trials = 500, 200
	r := rand.New(rand.NewPCG(1, 0))
	m := DefaultNMI()
	m.Bootstrap.Resamples = 200
	var values []float64
	width := 0.0
	for range trials {
		labels, clusters := make([]int, n), make([]int, n)
		for i := range labels {
			labels[i] = r.IntN(4)
			if clusters[i] = labels[i]; r.Float64() < 0.3 {
				clusters[i] = r.IntN(4)
			}
		}
		value := MutualInformation(labels, clusters).Arithmetic()
		ci, err := m.interval(t.Context(), newTable(labels, clusters), agreements[0], value)
		if err != nil {
			t.Fatal(err)
		}
		values, width = append(values, value), width+(ci[1]-ci[0])/trials
	}
	want := 2 * 1.96 * deviation(values)
	if math.Abs(width/want-1) > 0.2 { // the spread of 200 is known to 5 %
		t.Errorf("intervals are %.4f wide on average, 95 %% of the values lie within %.4f", width, want)
	}
}
