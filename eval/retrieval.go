package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Retrieval ranks the gallery for every query by falling cosine, of equally near
// images the one with the lower row first, and asks which have the query's class.
// If queries and gallery are the same features, each image is left out of its own
// ranking, by index. With c_i = 1 if the i-th nearest has the query's class and 0 if
// not, P(i) = (c_1 + ... + c_i)/i, and R the number of gallery images of that class,
//
//	Recall@K    = max(c_1, ..., c_K)
//	Precision@K = P(K)
//	R-Precision = P(R)
//	MAP@R       = 1/R Σ_{i ≤ R} c_i P(i)
//	CMC(K)      = Recall@K, the cumulative matching characteristic, a curve over K
//
// all averaged over the queries (the last two as in Musgrave, Belongie and Lim
// 2020). A query with R = 0, as the only image of a class has, is a miss: it scores
// 0 and stays in the average. Precision@1 is Recall@1.
type Retrieval struct {
	// K are the ranks of Recall@K and Precision@K, rising; 1, 2, 4 and 8 on CUB-200
	// and Cars196, 1, 10, 100 and 1000 on Stanford Online Products. Where the
	// gallery has fewer candidates, the places that stay empty are misses.
	K []int
	// CMC is the rank N that the curve goes to, 0 for none. Its score is its area, the
	// mean of CMC(1) to CMC(N).
	CMC       int
	Bootstrap Bootstrap
}

// DefaultRetrieval is Retrieval with the ranks of CUB-200.
func DefaultRetrieval() Retrieval {
	return Retrieval{K: []int{1, 2, 4, 8}, Bootstrap: DefaultBootstrap()}
}

// Validate checks all fields.
func (m Retrieval) Validate() error {
	last := 0
	for _, k := range m.K {
		if k <= last {
			return fmt.Errorf("k %d: ranks must rise, from at least 1", m.K)
		}
		last = k
	}
	if m.CMC < 0 {
		return fmt.Errorf("cmc %d: want the last rank of the curve, or 0 for none", m.CMC)
	}
	return m.Bootstrap.Validate()
}

// depth is the rank that K and CMC go to.
func (m Retrieval) depth() int { return max(1, slices.Max(append([]int{m.CMC}, m.K...))) }

// Ranking is what the neighbours of a query are worth.
type Ranking struct {
	Relevant int   // R
	First    int   // rank of the nearest of the query's class, from 1; 0 if beyond R, the largest K and CMC
	Hits     []int // how many of the K nearest have the query's class, for each K

	RPrecision, MAPAtR float64
}

// Rank returns the ranking of every query. Time is O(Q G D); memory is 80 MB,
// what is returned, and a copy of features that are not normalised. No bit of the result depends on
// the number of workers.
func (m Retrieval) Rank(ctx context.Context, gallery, queries *Features) ([]Ranking, error) {
	_, err := checkPair(gallery, queries)
	if err := wrap("retrieval", errors.Join(m.Validate(), err)); err != nil {
		return nil, err
	}
	if voters(gallery, queries) < 1 {
		return nil, errors.New("retrieval: a single image has no others to find; need at least 2")
	}
	p := pool.New(0)
	defer p.Close()
	rankings, depth := m.relevant(gallery, queries)
	g := nearest.Unit(p, gallery.rows())
	q := g
	if gallery != queries {
		q = nearest.Unit(p, queries.rows())
	}
	o := nearest.Options{K: min(depth, voters(gallery, queries)), ExcludeSelf: gallery == queries, Pool: p, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
	err = nearest.Search(ctx, o, q, g, func(query int, near []nearest.Neighbour) {
		rankings[query].judge(m.K, m.depth(), near, gallery.Labels, queries.Labels[query])
	})
	return rankings, err
}

// relevant returns a ranking for each query that knows its R only, and the depth
// that all need.
func (m Retrieval) relevant(gallery, queries *Features) (rankings []Ranking, depth int) {
	counts := map[int]int{}
	for _, l := range gallery.Labels {
		counts[l]++
	}
	rankings, depth = make([]Ranking, queries.N), m.depth()
	for q, l := range queries.Labels {
		rankings[q] = Ranking{Relevant: counts[l], Hits: make([]int, len(m.K))}
		if gallery == queries {
			rankings[q].Relevant--
		}
		depth = max(depth, rankings[q].Relevant)
	}
	return rankings, depth
}

// judge goes through the neighbours of a query of a class, nearest first, as far as
// depth and R.
func (r *Ranking) judge(ks []int, depth int, near []nearest.Neighbour, labels []int, class int) {
	found := 0
	for i, n := range near {
		rank := i + 1
		if rank > max(r.Relevant, depth) {
			break
		}
		if labels[n.Index] != class {
			continue
		}
		if found++; found == 1 {
			r.First = rank
		}
		if rank <= r.Relevant {
			r.RPrecision = float64(found) / float64(r.Relevant)
			r.MAPAtR += float64(found) / float64(rank) / float64(r.Relevant)
		}
		for j, k := range ks {
			if rank <= k {
				r.Hits[j]++
			}
		}
	}
}

// Scores returns recall@K for every K, precision@K for every K > 1,
// r_precision and map@r, with their protocols. The caller adds the subject.
func (m Retrieval) Scores(ctx context.Context, gallery, queries *Features) ([]Score, error) {
	rankings, err := m.Rank(ctx, gallery, queries)
	if err != nil {
		return nil, err
	}
	classes, _ := checkPair(gallery, queries)
	base := Score{Protocol: protocol(gallery, queries, classes)}
	base.Protocol.Normalisation = "l2"
	base.Protocol.Variant = "cosine, of equals the lower row first, queries without a match are misses"
	base.Protocol.Bootstrap = &m.Bootstrap
	base.Notes = m.notes(gallery, queries, rankings)

	columns := m.columns()
	values := make([]float64, 0, len(rankings)*len(columns))
	for i := range rankings {
		for _, c := range columns {
			values = append(values, c.value(&rankings[i]))
		}
	}
	p := pool.New(0)
	defer p.Close()
	means, ci95, err := m.Bootstrap.means(ctx, p, values, len(columns))
	if err != nil {
		return nil, err
	}
	var scores []Score
	for i, c := range columns {
		s := base
		s.Metric, s.Value, s.CI95, s.Protocol.K = c.metric, means[i], &ci95[i], c.k
		s.Outcomes = make([]float64, len(rankings))
		for q := range rankings {
			s.Outcomes[q] = values[q*len(columns)+i]
		}
		if c.metric == cmcMetric(m.CMC) {
			s.Curve = m.curve(rankings)
		}
		scores = append(scores, s)
	}
	return scores, nil
}

// column is a metric of rankings.
type column struct {
	metric string
	k      int // of metrics at K
	value  func(*Ranking) float64
}

func (m Retrieval) columns() []column {
	var recall, precision []column
	for j, k := range m.K {
		recall = append(recall, column{fmt.Sprintf("recall@%d", k), k, func(r *Ranking) float64 { return float64(min(r.Hits[j], 1)) }})
		if k > 1 {
			precision = append(precision, column{fmt.Sprintf("precision@%d", k), k, func(r *Ranking) float64 { return float64(r.Hits[j]) / float64(k) }})
		}
	}
	if m.CMC > 0 {
		precision = append(precision, column{cmcMetric(m.CMC), m.CMC, func(r *Ranking) float64 { return r.area(m.CMC) }})
	}
	return slices.Concat(recall, precision, []column{
		{"r_precision", 0, func(r *Ranking) float64 { return r.RPrecision }},
		{"map@r", 0, func(r *Ranking) float64 { return r.MAPAtR }},
	})
}

func cmcMetric(rank int) string { return fmt.Sprintf("cmc_area@%d", rank) }

// area is a query's part of the area of the curve: the share of the ranks to n that are
// no less than that of its first match.
func (r *Ranking) area(n int) float64 {
	if r.First == 0 || r.First > n {
		return 0
	}
	return float64(n-r.First+1) / float64(n)
}

// curve is CMC(1), CMC(2) and so on: the shares of the queries with a match by then.
func (m Retrieval) curve(rankings []Ranking) []float64 {
	firsts, curve := make([]int, m.CMC+1), make([]float64, m.CMC)
	for _, r := range rankings {
		if 0 < r.First && r.First <= m.CMC {
			firsts[r.First]++
		}
	}
	found := 0
	for i := range curve {
		found += firsts[i+1]
		curve[i] = float64(found) / float64(len(rankings))
	}
	return curve
}

// notes says what is unusual about the queries and the gallery.
func (m Retrieval) notes(gallery, queries *Features, rankings []Ranking) (notes []string) {
	alone := 0
	for _, r := range rankings {
		if r.Relevant == 0 {
			alone++
		}
	}
	if alone > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d queries have no image of their class to find; they count as misses", alone, len(rankings)))
	}
	if most := voters(gallery, queries); m.depth() > most {
		notes = append(notes, fmt.Sprintf("a query has no more than %d candidates; ranks beyond are misses", most))
	}
	return notes
}
