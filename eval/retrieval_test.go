package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// axes draws n images of c classes on the axes of d dimensions and at 0: their
// cosines are -1, 0 and 1, exactly, so that most are equal.
func axes(n, d, c int, seed uint64) *Features {
	rng := rand.New(rand.NewPCG(seed, 3))
	f := &Features{N: n, D: d, Data: make([]float32, n*d), Labels: make([]int, n), Layer: "h", Set: Set{Data: "axes"}}
	for i := range n {
		f.Labels[i] = rng.IntN(c)
		f.Row(i)[rng.IntN(d)] = float32(rng.IntN(3) - 1)
	}
	return f
}

// retrievalTwin is the definition in float64: the metrics of one query under the
// names of its scores. It is not sure where float32 may order two images
// otherwise of which one has the query's class.
func retrievalTwin(ks []int, gallery, queries *Features, query int) (want map[string]float64, sure bool) {
	type candidate struct {
		similarity float64
		match      bool
	}
	var all []candidate
	r := 0
	for i := range gallery.N {
		if gallery == queries && i == query {
			continue
		}
		match := gallery.Labels[i] == queries.Labels[query]
		all = append(all, candidate{cosine(queries.Row(query), gallery.Row(i)), match})
		if match {
			r++
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.similarity, a.similarity) })
	sure = true
	for i := 1; i < len(all); i++ {
		gap := all[i-1].similarity - all[i].similarity
		sure = sure && (all[i-1].match == all[i].match || gap > 1e-6 || gap == 0 && all[i].similarity == math.Trunc(all[i].similarity))
	}
	precision := func(k int) float64 {
		n := 0.0
		for _, c := range all[:min(k, len(all))] {
			if c.match {
				n++
			}
		}
		return n / float64(k)
	}
	want = map[string]float64{"r_precision": 0, "map@r": 0, "cmc_area@30": 0}
	for k := 1; k <= 30; k++ {
		want["cmc_area@30"] += math.Ceil(precision(k)) / 30
	}
	for _, k := range ks {
		want[fmt.Sprintf("recall@%d", k)] = math.Ceil(precision(k))
		if k > 1 {
			want[fmt.Sprintf("precision@%d", k)] = precision(k)
		}
	}
	if r > 0 {
		want["r_precision"] = precision(r)
	}
	for i := range r {
		if all[i].match {
			want["map@r"] += precision(i+1) / float64(r)
		}
	}
	return want, sure
}

func TestRetrievalAgreesWithItsTwin(t *testing.T) {
	total, unsure := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		draw := axes
		if rapid.Bool().Draw(t, "no ties") {
			draw = func(n, d, c int, seed uint64) *Features { return clusters(n, d, c, 1.5, seed) }
		}
		d, classes := rapid.IntRange(1, 20).Draw(t, "d"), rapid.IntRange(1, 40).Draw(t, "classes")
		gallery := draw(rapid.IntRange(2, 120).Draw(t, "n"), d, classes, rapid.Uint64().Draw(t, "seed"))
		queries := gallery
		if rapid.Bool().Draw(t, "apart") {
			queries = draw(20, d, classes, 99)
		}
		m := Retrieval{K: []int{1, 3, 50}, CMC: 30, Bootstrap: Bootstrap{100, 1}}
		rankings, err := m.Rank(context.Background(), gallery, queries)
		if err != nil {
			t.Fatal(err)
		}
		scores, err := m.Scores(context.Background(), gallery, queries)
		if err != nil {
			t.Fatal(err)
		}
		sums, allSure := map[string]float64{}, true
		for q := range queries.N {
			want, sure := retrievalTwin(m.K, gallery, queries, q)
			total++
			if allSure = allSure && sure; !sure {
				unsure++
				continue
			}
			for _, c := range m.columns() {
				if got := c.value(&rankings[q]); !(math.Abs(got-want[c.metric]) < 1e-12) {
					t.Fatalf("query %d: %s is %g, want %g", q, c.metric, got, want[c.metric])
				}
				sums[c.metric] += want[c.metric]
			}
		}
		for _, s := range scores {
			if want := sums[s.Metric] / float64(queries.N); allSure && !(math.Abs(s.Value-want) < 1e-12) {
				t.Fatalf("%s is %g, want %g", s.Metric, s.Value, want)
			}
		}
	})
	if unsure*20 > total {
		t.Errorf("of %d queries %d were not compared", total, unsure)
	}
}

func TestRetrievalByHand(t *testing.T) {
	// On a line through angles of 0, 10, 21, 33, 46 and 60 degrees, each image's
	// neighbours are plain to see.
	f := &Features{N: 6, D: 2, Labels: []int{0, 1, 0, 0, 2, 1}, Set: Set{Data: "line"}}
	for _, degrees := range []float64{0, 10, 21, 33, 46, 60} {
		f.Data = append(f.Data, float32(5*math.Cos(degrees*math.Pi/180)), float32(5*math.Sin(degrees*math.Pi/180)))
	}
	m := Retrieval{K: []int{1, 2}, Bootstrap: DefaultBootstrap()}
	got, err := m.Rank(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	want := []Ranking{
		{Relevant: 2, First: 2, Hits: []int{0, 1}, RPrecision: 0.5, MAPAtR: 0.25}, // 1 0 0 2 1
		{Relevant: 1, First: 0, Hits: []int{0, 0}},                                // 0 0 0 2 1
		{Relevant: 2, First: 2, Hits: []int{0, 1}, RPrecision: 0.5, MAPAtR: 0.25}, // 1 0 0 2 1
		{Relevant: 2, First: 1, Hits: []int{1, 1}, RPrecision: 0.5, MAPAtR: 0.5},  // 0 2 1 1 0
		{Relevant: 0, First: 0, Hits: []int{0, 0}},                                // alone in its class
		{Relevant: 1, First: 0, Hits: []int{0, 0}},                                // 2 0 0 1 0
	}
	if d := diff.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	scores, err := m.Scores(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{"recall@1": 1. / 6, "recall@2": 3. / 6, "precision@2": 3. / 12, "r_precision": 1.5 / 6, "map@r": 1. / 6}
	if len(scores) != len(values) {
		t.Errorf("%d scores, want %d", len(scores), len(values))
	}
	note := "1 of 6 queries have no image of their class to find; they count as misses"
	for _, s := range scores {
		if !(math.Abs(s.Value-values[s.Metric]) < 1e-12) || !s.Protocol.LeaveOneOut || !slices.Equal(s.Notes, []string{note}) {
			t.Errorf("%s is %g, want %g; leave one out %t, notes %q", s.Metric, s.Value, values[s.Metric], s.Protocol.LeaveOneOut, s.Notes)
		}
		if !(s.CI95[0] <= s.Value && s.Value <= s.CI95[1] && s.CI95[0] < s.CI95[1]) {
			t.Errorf("%s %g has the interval %g", s.Metric, s.Value, s.CI95)
		}
	}
}

func TestTheCurveIsRecallAtEveryRank(t *testing.T) {
	f := clusters(80, 5, 9, 2, 4)
	ks := []int{1, 2, 3, 7, 12}
	scores, err := Retrieval{K: ks, CMC: 12, Bootstrap: DefaultBootstrap()}.Scores(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	values, curve := map[string]float64{}, []float64(nil)
	for _, s := range scores {
		values[s.Metric] = s.Value
		if s.Curve != nil {
			curve = s.Curve
		}
	}
	if len(curve) != 12 || !(math.Abs(sum(curve)/12-values["cmc_area@12"]) < 1e-12) {
		t.Fatalf("curve %g, area %g", curve, values["cmc_area@12"])
	}
	for _, k := range ks {
		if got := values[fmt.Sprintf("recall@%d", k)]; !(math.Abs(got-curve[k-1]) < 1e-12) {
			t.Errorf("CMC(%d) is %g, the recall %g", k, curve[k-1], got)
		}
	}
}

func TestOfEqualImagesTheLowerRowIsNearer(t *testing.T) {
	f := &Features{N: 4, D: 2, Data: []float32{1, 0, 1, 0, 1, 0, 1, 0}, Labels: []int{0, 1, 1, 0}}
	got, err := Retrieval{K: []int{3}, Bootstrap: DefaultBootstrap()}.Rank(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range []int{3, 2, 2, 1} { // in the rows 1 2 3, 0 2 3, 0 1 3 and 0 1 2
		if got[q].First != want {
			t.Errorf("query %d finds its class at rank %d, want %d", q, got[q].First, want)
		}
	}
}

func TestRetrievalRefuses(t *testing.T) {
	f := clusters(10, 4, 2, 1, 1)
	for _, tc := range []struct {
		name, want string
		m          Retrieval
		gallery    *Features
	}{
		{"ranks that do not rise", "ranks must rise", Retrieval{K: []int{4, 2}, Bootstrap: DefaultBootstrap()}, f},
		{"rank 0", "from at least 1", Retrieval{K: []int{0, 2}, Bootstrap: DefaultBootstrap()}, f},
		{"a curve to nowhere", "want the last rank", Retrieval{CMC: -1, Bootstrap: DefaultBootstrap()}, f},
		{"too few resamples", "at least 100", Retrieval{K: []int{1}}, f},
		{"another dimension", "different models or layers", DefaultRetrieval(), clusters(3, 5, 2, 1, 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.m.Scores(t.Context(), tc.gallery, f)
			wantError(t, err, tc.want)
		})
	}
	one := f.Select([]int{0})
	_, err := DefaultRetrieval().Rank(t.Context(), one, one)
	wantError(t, err, "need at least 2")
}
