package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestClusterAgreement has values that scikit-learn 1.x documents or that are
// plain to see.
func TestClusterAgreement(t *testing.T) {
	for _, tc := range []struct {
		name             string
		labels, clusters []int
		ami, ari, purity float64
	}{
		{"the same, renamed", []int{0, 0, 1, 1}, []int{1, 1, 0, 0}, 1, 1, 1},
		{"one class is cut", []int{0, 0, 1, 2}, []int{0, 0, 1, 1}, 4. / 7, 4. / 7, 0.75},
		{"one cluster", []int{0, 0, 1, 1}, []int{0, 0, 0, 0}, 0, 0, 0.5},
		{"one of each", []int{3, 3, 3}, []int{7, 7, 7}, 1, 1, 1},
		{"one image", []int{3}, []int{7}, 1, 1, 1},
		{"worse than chance", []int{0, 1, 0, 1}, []int{0, 0, 1, 1}, -0.5, -0.5, 0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(tc.labels, tc.clusters)
			got := []float64{table.adjustedInformation(table.counts()), table.adjustedRand(table.counts()), table.purity(table.counts())}
			for i, want := range []float64{tc.ami, tc.ari, tc.purity} {
				if !(math.Abs(got[i]-want) < 1e-9) {
					t.Errorf("%s is %.9f, want %.9f", []string{"ami", "ari", "purity"}[i], got[i], want)
				}
			}
		})
	}
}

// TestExpectationsAreThoseOfPermutations shuffles the clusters: that is what AMI
// and ARI subtract, by definition.
func TestExpectationsAreThoseOfPermutations(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	labels, clusters := make([]int, 60), make([]int, 60)
	for i := range labels {
		labels[i], clusters[i] = r.IntN(4), r.IntN(6)
	}
	const shuffles = 20000
	mutual, ari := 0.0, 0.0
	for range shuffles {
		r.Shuffle(len(clusters), func(i, j int) { clusters[i], clusters[j] = clusters[j], clusters[i] })
		table := newTable(labels, clusters)
		mutual += table.information(table.counts()).Mutual / shuffles
		ari += table.adjustedRand(table.counts()) / shuffles
	}
	table := newTable(labels, clusters)
	rows, columns, total := table.margins(table.counts())
	if want := expectedInformation(rows, columns, total); math.Abs(mutual-want) > 0.003 {
		t.Errorf("mutual information of shuffled clusters is %g, want %g", mutual, want)
	}
	if math.Abs(ari) > 0.003 {
		t.Errorf("ARI of shuffled clusters is %g, want 0", ari)
	}
}

// TestAdjustedRandAgreesWithItsTwin counts pairs one by one.
func TestAdjustedRandAgreesWithItsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for range 50 {
		n := 2 + r.IntN(40)
		labels, clusters := make([]int, n), make([]int, n)
		for i := range n {
			labels[i], clusters[i] = r.IntN(5), r.IntN(5)
		}
		var both, a, b, all float64
		for i := range n {
			for j := range i {
				x, y := labels[i] == labels[j], clusters[i] == clusters[j]
				all++
				if x {
					a++
				}
				if y {
					b++
				}
				if x && y {
					both++
				}
			}
		}
		want := 1.0
		if a+b != 2*a*b/all {
			want = (both - a*b/all) / ((a+b)/2 - a*b/all)
		}
		table := newTable(labels, clusters)
		if got := table.adjustedRand(table.counts()); !(math.Abs(got-want) < 1e-12) {
			t.Fatalf("labels %v, clusters %v: ARI is %g, want %g", labels, clusters, got, want)
		}
	}
}

func TestClusterScores(t *testing.T) {
	f := clusters(200, 8, 5, 0.05, 1)
	m := DefaultNMI()
	m.Restarts, m.Bootstrap.Resamples = 2, 100
	scores, err := m.ClusterScores(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range scores {
		names = append(names, s.Metric)
		if !(s.Value > 0.99) || !(s.CI95[0] <= s.Value && s.Value <= s.CI95[1]) || s.Protocol.Clusters != 5 {
			t.Errorf("%s of clusters that lie apart is %g in %g, protocol %+v", s.Metric, s.Value, s.CI95, s.Protocol)
		}
	}
	if want := []string{"nmi_arithmetic", "nmi_geometric", "ami", "ari", "purity"}; !slices.Equal(names, want) {
		t.Errorf("metrics %q, want %q", names, want)
	}
}
