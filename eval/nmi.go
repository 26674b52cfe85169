package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"alike/internal/kernel/pool"
)

// The two ways to normalise mutual information.
const (
	Arithmetic = "arithmetic" // by (H(Y) + H(C))/2, as metric-learning papers and scikit-learn since 0.22 do
	Geometric  = "geometric"  // by sqrt(H(Y) H(C)), as scikit-learn before 0.22 did
)

// NMI clusters the embeddings by k-means into as many clusters as the images have
// classes, and asks how much the clusters C say about the classes Y:
//
//	NMI = I(Y; C) / norm(H(Y), H(C))
//
// It is 0 for one cluster of several classes and 1 for one of one class. Of all
// restarts the clustering of least inertia counts. The interval is ±1.96
// standard deviations of the NMI of resampled images, whose clusters stay as they
// are: resamples have fewer distinct images, which raises their mutual
// information, so that their quantiles would lie too high.
type NMI struct {
	Norm      string // Arithmetic or Geometric
	Restarts  int    // 10 in ISIF's code
	Seed      uint64
	Bootstrap Bootstrap

	MaxIterations int // of k-means; 300 in scikit-learn
}

// DefaultNMI is NMI as metric-learning papers report it.
func DefaultNMI() NMI {
	return NMI{Norm: Arithmetic, Restarts: 10, Seed: 1, Bootstrap: DefaultBootstrap(), MaxIterations: 300}
}

// Validate checks all fields.
func (m NMI) Validate() error {
	var err error
	if m.Norm != Arithmetic && m.Norm != Geometric {
		err = fmt.Errorf("norm %q: must be %s or %s", m.Norm, Arithmetic, Geometric)
	}
	return errors.Join(err, m.kmeans(1).Validate(), m.Bootstrap.Validate())
}

func (m NMI) kmeans(clusters int) KMeans {
	return KMeans{Clusters: clusters, Restarts: m.Restarts, MaxIterations: m.MaxIterations, Seed: m.Seed}
}

// Score returns the NMI of the images with its protocol. The caller adds the
// subject.
func (m NMI) Score(ctx context.Context, images *Features) (Score, error) {
	of := slices.IndexFunc(agreements, func(a agreement) bool { return a.metric == "nmi_"+m.Norm })
	if of < 0 {
		return Score{}, wrap("clusters", m.Validate())
	}
	scores, err := m.scores(ctx, images, agreements[of:of+1])
	if err != nil {
		return Score{}, err
	}
	return scores[0], nil
}

// scores clusters the images once and measures the clusters in several ways.
func (m NMI) scores(ctx context.Context, images *Features, measures []agreement) ([]Score, error) {
	_, err := checkPair(images, images)
	if err := errors.Join(m.Validate(), err); err != nil {
		return nil, wrap("clusters", err)
	}
	classes := len(slices.Compact(slices.Sorted(slices.Values(images.Labels))))
	clusterings, err := m.kmeans(classes).Run(ctx, images)
	if err != nil {
		return nil, wrap("clusters", err)
	}
	var scores []Score
	for _, a := range measures {
		s := Score{Metric: a.metric, Protocol: protocol(images, images, classes)}
		s.Protocol.LeaveOneOut, s.Protocol.Normalisation = false, "l2"
		s.Protocol.Variant = "k-means++ and Lloyd, least inertia of all restarts, " + a.variant
		s.Protocol.Clusters, s.Protocol.Restarts, s.Protocol.Seed = classes, m.Restarts, m.Seed
		s.Protocol.MaxIterations, s.Protocol.Bootstrap = m.MaxIterations, &m.Bootstrap
		all := make([]float64, len(clusterings))
		for i, c := range clusterings {
			t := newTable(images.Labels, c.Of)
			all[i] = a.of(t, t.counts())
		}
		s.Value = all[0]
		ci95, err := m.interval(ctx, newTable(images.Labels, clusterings[0].Of), a, s.Value)
		if err != nil {
			return nil, err
		}
		s.CI95 = &ci95
		if len(all) > 1 {
			s.Notes = append(s.Notes, fmt.Sprintf("over the %d restarts of k-means %s is %.4f to %.4f", len(all), a.metric, slices.Min(all), slices.Max(all)))
		}
		if !clusterings[0].Converged {
			s.Notes = append(s.Notes, fmt.Sprintf("k-means stopped at its limit of %d iterations", m.MaxIterations))
		}
		scores = append(scores, s)
	}
	return scores, nil
}

// interval is value ± 1.96 standard deviations over resamples.
func (m NMI) interval(ctx context.Context, t *table, a agreement, value float64) ([2]float64, error) {
	p := pool.New(0)
	defer p.Close()
	resampled := make([]float64, m.Bootstrap.Resamples)
	err := m.Bootstrap.each(ctx, p, len(t.of), func(r int, images []int32) {
		counts := make([]int, len(t.cells))
		for _, i := range images {
			counts[t.of[i]]++
		}
		resampled[r] = a.of(t, counts)
	})
	reach := z95 * deviation(resampled)
	return [2]float64{max(a.least(), value-reach), min(1, value+reach)}, err
}

// Information is what classes and clusters say, in nats: the entropy of each and
// what they share.
type Information struct{ Mutual, Labels, Clusters float64 }

// Arithmetic is 2 I / (H1 + H2).
func (i Information) Arithmetic() float64 { return i.share((i.Labels + i.Clusters) / 2) }

// Geometric is I / sqrt(H1 H2).
func (i Information) Geometric() float64 { return i.share(math.Sqrt(i.Labels * i.Clusters)) }

func (i Information) share(norm float64) float64 {
	switch {
	case i.Labels == 0 && i.Clusters == 0: // one class, one cluster
		return 1
	case i.Labels == 0 || i.Clusters == 0:
		return 0
	}
	return min(1, max(0, i.Mutual/norm)) // but for rounding it is so
}

// MutualInformation returns what the clusters of images say about their labels;
// both lists have one value an image, any integers. With p the shares of images,
//
//	I = Σ p(y,c) ln( p(y,c) / (p(y) p(c)) ),   H = -Σ p ln p
func MutualInformation(labels, clusters []int) Information {
	t := newTable(labels, clusters)
	return t.information(t.counts())
}

// table holds the pairs of label and cluster that occur, in the order of their
// first image: so sums have one order, too.
type table struct {
	of            []int    // the cell of each image
	cells         [][2]int // row and column of each cell
	rows, columns int
}

func newTable(labels, clusters []int) *table {
	t := &table{of: make([]int, len(labels))}
	rows, columns, cells := map[int]int{}, map[int]int{}, map[[2]int]int{}
	for i := range labels {
		at := [2]int{number(rows, labels[i]), number(columns, clusters[i])}
		if t.of[i] = number(cells, at); t.of[i] == len(t.cells) {
			t.cells = append(t.cells, at)
		}
	}
	t.rows, t.columns = len(rows), len(columns)
	return t
}

// counts is the number of images in each cell.
func (t *table) counts() []int {
	counts := make([]int, len(t.cells))
	for _, cell := range t.of {
		counts[cell]++
	}
	return counts
}

// margins are the numbers of images of each class, of each cluster, and of all.
func (t *table) margins(counts []int) (rows, columns []int, total int) {
	rows, columns = make([]int, t.rows), make([]int, t.columns)
	for c, n := range counts {
		rows[t.cells[c][0]] += n
		columns[t.cells[c][1]] += n
		total += n
	}
	return rows, columns, total
}

// number returns the number of a key, a new one if it has none yet.
func number[K comparable](numbers map[K]int, key K) int {
	n, ok := numbers[key]
	if !ok {
		n = len(numbers)
		numbers[key] = n
	}
	return n
}

// information is that of images of which so many are in each cell.
func (t *table) information(counts []int) (i Information) {
	rows, columns, total := t.margins(counts)
	all := float64(total)
	for c, n := range counts {
		if n > 0 {
			expected := float64(rows[t.cells[c][0]]) * float64(columns[t.cells[c][1]])
			i.Mutual += float64(n) / all * math.Log(float64(n)*all/expected)
		}
	}
	i.Labels, i.Clusters = entropy(rows, all), entropy(columns, all)
	return i
}

func entropy(counts []int, total float64) float64 {
	h := 0.0
	for _, n := range counts {
		if n > 0 {
			h += float64(n) / total * math.Log(total/float64(n))
		}
	}
	return h
}
