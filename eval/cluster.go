package eval

import (
	"context"
	"maps"
	"math"
	"slices"
)

// agreement is a way to say how well clusters agree with classes, given how many
// images are in each cell of their table.
type agreement struct {
	metric, variant string
	of              func(t *table, counts []int) float64
}

// least is the smallest value that the measure can have.
func (a agreement) least() float64 {
	if a.metric == "ami" || a.metric == "ari" {
		return -1
	}
	return 0
}

// agreements are the measures of 'eval cluster'.
var agreements = []agreement{
	{"nmi_" + Arithmetic, Arithmetic + " mean of the entropies", func(t *table, n []int) float64 { return t.information(n).Arithmetic() }},
	{"nmi_" + Geometric, Geometric + " mean of the entropies", func(t *table, n []int) float64 { return t.information(n).Geometric() }},
	{"ami", "arithmetic mean of the entropies, expectation over permutations", (*table).adjustedInformation},
	{"ari", "expectation over permutations", (*table).adjustedRand},
	{"purity", "the most frequent class of each cluster", (*table).purity},
}

// ClusterScores clusters the images once, as Score does, and returns NMI by both
// means, AMI, ARI and purity with their protocols. The caller adds the subject.
func (m NMI) ClusterScores(ctx context.Context, images *Features) ([]Score, error) {
	return m.scores(ctx, images, agreements)
}

// purity is the share of images that are of the most frequent class of their
// cluster, 1/N Σ_c max_y n(y, c).
func (t *table) purity(counts []int) float64 {
	most, total := make([]int, t.columns), 0
	for c, n := range counts {
		most[t.cells[c][1]] = max(most[t.cells[c][1]], n)
		total += n
	}
	sum := 0
	for _, n := range most {
		sum += n
	}
	return float64(sum) / float64(total)
}

// adjustedRand is the Rand index adjusted for chance (Hubert and Arabie 1985). With
// S the pairs of images that share class and cluster, A those that share a class, B
// those that share a cluster, and T all pairs,
//
//	ARI = (S - A B / T) / ((A + B)/2 - A B / T)
//
// and 1 where both sides have one part, or only parts of one image.
func (t *table) adjustedRand(counts []int) float64 {
	rows, columns, total := t.margins(counts)
	same, classes, clusters := pairs(counts), pairs(rows), pairs(columns)
	if total < 2 {
		return 1
	}
	expected := classes * clusters / pairs([]int{total})
	if most := (classes + clusters) / 2; most != expected {
		return (same - expected) / (most - expected)
	}
	return 1
}

// pairs is Σ n (n-1) / 2.
func pairs(counts []int) (sum float64) {
	for _, n := range counts {
		sum += float64(n) * float64(n-1) / 2
	}
	return sum
}

// adjustedInformation is mutual information adjusted for chance (Vinh, Epps and
// Bailey 2010), with the arithmetic mean of the entropies:
//
//	AMI = (I - E[I]) / ((H(Y) + H(C))/2 - E[I])
//
// E[I] is the expectation over all tables with these margins. It is 1 where both
// sides have one part, or where each image is a part. Time is that of a sum over all
// pairs of sizes of a class and of a cluster, and for each over the sizes of their cell.
func (t *table) adjustedInformation(counts []int) float64 {
	i := t.information(counts)
	rows, columns, total := t.margins(counts)
	expected := expectedInformation(rows, columns, total)
	norm := (i.Labels + i.Clusters) / 2
	if math.Abs(norm-expected) <= 1e-12*max(norm, 1) {
		return 1
	}
	return (i.Mutual - expected) / (norm - expected)
}

// expectedInformation is Σ_y Σ_c Σ_n P(n) n/N ln(N n / (a b)), where the cell of a
// class of a images and a cluster of b holds n with the hypergeometric
// probability P(n).
func expectedInformation(rows, columns []int, total int) (sum float64) {
	logFactorial := make([]float64, total+1)
	for n := 2; n <= total; n++ {
		logFactorial[n] = logFactorial[n-1] + math.Log(float64(n))
	}
	f := func(n int) float64 { return logFactorial[n] }
	classes, clusters := sizes(rows), sizes(columns)
	ofClusters := slices.Sorted(maps.Keys(clusters))
	for _, a := range slices.Sorted(maps.Keys(classes)) {
		for _, b := range ofClusters {
			alike := float64(classes[a] * clusters[b])
			margins := f(a) + f(b) + f(total-a) + f(total-b) - f(total)
			for n := max(1, a+b-total); n <= min(a, b); n++ {
				logP := margins - f(n) - f(a-n) - f(b-n) - f(total-a-b+n)
				share := float64(n) / float64(total)
				sum += alike * math.Exp(logP) * share * math.Log(float64(total)*float64(n)/(float64(a)*float64(b)))
			}
		}
	}
	return sum
}

// sizes says how many parts there are of each size.
func sizes(counts []int) map[int]int {
	parts := map[int]int{}
	for _, n := range counts {
		parts[n]++
	}
	return parts
}
