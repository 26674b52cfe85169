package tidy

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"alike/eval"
)

// blobs are n rows of d values around each of some directions.
func blobs(directions, n, d int, spread float64, seed uint64) *eval.Features {
	r := rand.New(rand.NewPCG(seed, 0))
	f := &eval.Features{N: directions * n, D: d}
	for c := range directions {
		centre := make([]float64, d)
		for k := range centre {
			centre[k] = r.NormFloat64()
		}
		for range n {
			for k := range centre {
				f.Data = append(f.Data, float32(centre[k]+spread*r.NormFloat64()))
			}
			f.Labels = append(f.Labels, c)
		}
	}
	return f
}

// cosine is the naive similarity of two rows.
func cosine(f *eval.Features, i, j int) float64 {
	var ab, aa, bb float64
	for k, a := range f.Row(i) {
		b := float64(f.Row(j)[k])
		ab, aa, bb = ab+float64(a)*b, aa+float64(a)*float64(a), bb+b*b
	}
	return ab / math.Sqrt(aa*bb)
}

// TestWithinAgreesWithItsTwin asks for more neighbours than a first search brings.
func TestWithinAgreesWithItsTwin(t *testing.T) {
	f := blobs(3, 150, 16, 0.5, 1)
	for _, similarity := range []float32{-1, 0.3, 0.8, 0.9, 1.5} {
		near, _, err := within(t.Context(), f, always(similarity))
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.N {
			got := map[int]bool{}
			for at, n := range near[i] {
				got[n.Row] = true
				if at > 0 && n.Similarity > near[i][at-1].Similarity {
					t.Fatalf("row %d: its neighbours are not in order", i)
				}
			}
			for j := range f.N {
				c := cosine(f, i, j)
				if math.Abs(c-float64(similarity)) < 1e-5 { // float32 may see it otherwise
					continue
				}
				if want := i != j && c > float64(similarity); got[j] != want {
					t.Fatalf("similarity %g: row %d and %d of cosine %g: found %t, want %t", similarity, i, j, c, got[j], want)
				}
			}
		}
	}
}

// TestCopiesAreOfSimilarity1 asks for nothing but copies, whose similarity is 1 but for rounding.
func TestCopiesAreOfSimilarity1(t *testing.T) {
	f := blobs(1, 200, 300, 1, 8)
	for i := range f.N { // lengths that count as 1
		sum := 0.0
		for _, v := range f.Row(i) {
			sum += float64(v) * float64(v)
		}
		for k, v := range f.Row(i) {
			f.Row(i)[k] = float32(float64(v) / math.Sqrt(sum) * (1 + 9e-7*float64(i%3-1)))
		}
	}
	f.Data = append(f.Data, f.Data...)
	f.N *= 2
	groups, _, err := Duplicates(t.Context(), f, always(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if len(g.Copies) != 1 || g.Copies[0].Row != g.Keep+200 {
			t.Errorf("row %d has the copies %v", g.Keep, g.Copies)
		}
	}
	if len(groups) != 200 {
		t.Errorf("%d of 200 copies are found", len(groups))
	}
}

// TestTooManyPairsAreASentence ends before the round whose pairs would not fit.
func TestTooManyPairsAreASentence(t *testing.T) {
	f := &eval.Features{N: 300, D: 1, Data: slices.Repeat([]float32{1}, 300)}
	defer func(most int) { mostPairs = most }(mostPairs)
	mostPairs = 40 * f.N // more than the 32 of each that are asked for first
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := within(ctx, f, func([]float32) float32 {
		cancel() // which another round would say
		return 0.5
	})
	if err == nil || !strings.Contains(err.Error(), "may have a similarity of at least 0.5 than there is room for") {
		t.Errorf("got %v", err)
	}
}

// TestWithoutCopiesNoTwoAreAlike checks what Duplicates promises.
func TestWithoutCopiesNoTwoAreAlike(t *testing.T) {
	f := blobs(5, 40, 8, 0.35, 2)
	const similarity = 0.9
	groups, _, err := Duplicates(t.Context(), f, always(similarity))
	if err != nil {
		t.Fatal(err)
	}
	gone := map[int]bool{}
	for i, g := range groups {
		if i > 0 && len(g.Copies) > len(groups[i-1].Copies) {
			t.Error("the largest groups are not first")
		}
		for _, c := range g.Copies {
			if gone[c.Row] || c.Row < g.Keep {
				t.Errorf("row %d is a copy of %d: it is one of another, or comes before it", c.Row, g.Keep)
			}
			if got := cosine(f, g.Keep, c.Row); got < similarity-1e-5 || math.Abs(got-float64(c.Similarity)) > 1e-5 {
				t.Errorf("row %d is a copy of %d: similarity %g, said to be %g", c.Row, g.Keep, got, c.Similarity)
			}
			gone[c.Row] = true
		}
	}
	for i := range f.N {
		for j := range i {
			if !gone[i] && !gone[j] && cosine(f, i, j) > similarity+1e-5 {
				t.Errorf("rows %d and %d are left, of cosine %g", j, i, cosine(f, i, j))
			}
		}
	}
	if len(gone) == 0 || len(gone) == f.N-1 {
		t.Errorf("%d of %d are copies: the test tells nothing", len(gone), f.N)
	}
}

// dbscanTwin is DBSCAN by the definition, without an order of visits.
func dbscanTwin(f *eval.Features, similarity float64, minPoints int) (core []bool, linked [][]bool) {
	core, linked = make([]bool, f.N), make([][]bool, f.N)
	for i := range f.N {
		n := 0
		linked[i] = make([]bool, f.N)
		for j := range f.N {
			if linked[i][j] = cosine(f, i, j) >= similarity; linked[i][j] {
				n++
			}
		}
		core[i] = n >= minPoints
	}
	reach := make([][]bool, f.N)
	for i := range reach {
		reach[i] = make([]bool, f.N)
		for j := range reach[i] {
			reach[i][j] = core[i] && core[j] && linked[i][j]
		}
	}
	for k := range f.N { // transitive closure
		for i := range f.N {
			for j := range f.N {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	return core, reach
}

func TestDBSCANAgreesWithItsTwin(t *testing.T) {
	f := blobs(4, 30, 6, 0.45, 3)
	const similarity, minPoints = 0.93, 6
	of, clusters, err := DBSCAN(t.Context(), f, similarity, minPoints)
	if err != nil {
		t.Fatal(err)
	}
	core, reach := dbscanTwin(f, similarity, minPoints)
	sizes, noise, cores := make([]int, clusters), 0, 0
	for i := range f.N {
		if of[i] < 0 {
			noise++
		} else {
			sizes[of[i]]++
		}
		if core[i] {
			cores++
		}
		for j := range f.N {
			if core[i] && core[j] && (of[i] == of[j]) != reach[i][j] {
				t.Errorf("cores %d and %d: clusters %d and %d, connected %t", i, j, of[i], of[j], reach[i][j])
			}
		}
		if core[i] {
			continue
		}
		best, want := -2.0, -1
		for j := range f.N {
			if c := cosine(f, i, j); core[j] && c >= similarity && c > best {
				best, want = c, of[j]
			}
		}
		if of[i] != want {
			t.Errorf("row %d is in %d, want %d", i, of[i], want)
		}
	}
	if !slices.IsSortedFunc(sizes, func(a, b int) int { return b - a }) {
		t.Errorf("sizes %d are not the largest first", sizes)
	}
	if clusters < 2 || noise == 0 || cores == 0 || cores+noise == f.N {
		t.Errorf("%d clusters, %d cores, %d of none: the test tells nothing", clusters, cores, noise)
	}
}

func TestReachMakesHalfOfThemCores(t *testing.T) {
	f := blobs(3, 50, 8, 0.5, 4)
	reach, err := Reach(t.Context(), f, 5)
	if err != nil {
		t.Fatal(err)
	}
	near, _, err := within(t.Context(), f, always(reach))
	if err != nil {
		t.Fatal(err)
	}
	cores := 0
	for _, n := range near {
		if len(n)+1 >= 5 {
			cores++
		}
	}
	if cores < f.N/2 || cores > f.N/2+2 {
		t.Errorf("%d of %d are cores", cores, f.N)
	}
}

// spreadTwin solves F = (1-share) (I - share S)^-1 Y by Gauss's elimination.
func spreadTwin(w [][]edge, share float64, known []int, classes int) [][]float64 {
	n := len(w)
	a := make([][]float64, n)
	counts := make([]float64, classes)
	for _, c := range known {
		if c >= 0 {
			counts[c]++
		}
	}
	for i := range a {
		a[i] = make([]float64, n+classes)
		a[i][i] = 1
		for _, e := range w[i] {
			a[i][e.to] -= share * e.weight
		}
		if c := known[i]; c >= 0 {
			a[i][n+c] = (1 - share) / counts[c]
		}
	}
	for col := range n {
		pivot := col
		for r := col; r < n; r++ {
			if math.Abs(a[r][col]) > math.Abs(a[pivot][col]) {
				pivot = r
			}
		}
		a[col], a[pivot] = a[pivot], a[col]
		for r := range n {
			if r == col {
				continue
			}
			factor := a[r][col] / a[col][col]
			for k := col; k < n+classes; k++ {
				a[r][k] -= factor * a[col][k]
			}
		}
	}
	f := make([][]float64, n)
	for i := range f {
		for c := range classes {
			f[i] = append(f[i], a[i][n+c]/a[i][i])
		}
	}
	return f
}

func TestSpreadAgreesWithItsTwin(t *testing.T) {
	f := blobs(3, 25, 8, 0.5, 5)
	known := make([]int, f.N)
	for i := range known {
		known[i] = -1
	}
	known[0], known[1], known[30], known[60] = 0, 0, 1, 2
	s := DefaultSpread()
	s.MaxIterations = 2000
	w, err := s.graph(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for i, edges := range w { // it is symmetric
		for _, e := range edges {
			back := slices.IndexFunc(w[e.to], func(b edge) bool { return b.to == i })
			if back < 0 || math.Abs(w[e.to][back].weight-e.weight) > 1e-12 {
				t.Fatalf("the edge of %d and %d has no equal back", i, e.to)
			}
		}
	}
	labels, err := s.Labels(t.Context(), f, known, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range spreadTwin(w, s.Share, known, 3) {
		want := decide(row, known[i])
		if labels[i].Class != want.Class || math.Abs(labels[i].Confidence-want.Confidence) > 1e-4 {
			t.Errorf("row %d: %v, want %v", i, labels[i], want)
		}
	}
	right := 0
	for i, l := range labels {
		if l.Class == f.Labels[i] {
			right++
		}
	}
	if right < f.N*9/10 {
		t.Errorf("%d of %d have the class of their direction", right, f.N)
	}
}

func TestHeldOutCountsEveryKnownImageOnce(t *testing.T) {
	f := blobs(2, 40, 8, 0.4, 6)
	known := slices.Clone(f.Labels)
	for i := range known {
		if i%3 > 0 {
			known[i] = -1
		}
	}
	right, of, err := DefaultSpread().HeldOut(t.Context(), f, known, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if of != 27 || right < 25 {
		t.Errorf("%d of %d", right, of)
	}
	wrong := slices.Clone(known) // labels that say nothing are found out
	r := rand.New(rand.NewPCG(7, 0))
	for i, c := range wrong {
		if c >= 0 {
			wrong[i] = r.IntN(2)
		}
	}
	if right, of, err = DefaultSpread().HeldOut(t.Context(), f, wrong, 2, 1); err != nil || right > of*3/4 {
		t.Errorf("with drawn labels %d of %d are right (%v)", right, of, err)
	}
}

func TestUnreachedImagesHaveNoLabel(t *testing.T) {
	// two pairs that are each other's only neighbours
	f := &eval.Features{N: 4, D: 2, Data: []float32{1, 0, 1, 0.01, 0, 1, 0.01, 1}}
	s := DefaultSpread()
	s.Neighbours = 1
	got, err := s.Labels(t.Context(), f, []int{0, -1, -1, -1}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Labelled{{0, 1}, {0, 1}, {-1, 0}, {-1, 0}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	s.Share = 1
	if _, err := s.Labels(t.Context(), f, []int{0, -1, -1, -1}, 2); err == nil {
		t.Error("a share of 1 is no error")
	}
}

// Images far from all, and from each other, leave the classes of the others as they are.
func TestSpreadWithOutliers(t *testing.T) {
	f := &eval.Features{N: 6, D: 4, Data: []float32{1, 0, 0, 0, 1, 0.01, 0, 0, 0, 1, 0, 0, 0.01, 1, 0, 0, 0.05, 0, 1, 0, 0.05, 0, 0, 1}}
	s := DefaultSpread()
	for name, tc := range map[string]struct {
		temperature float64
		outlier     Labelled
	}{
		"the product of their sums is 0": {0.002, Labelled{0, 1}}, // each is about 1e-206
		"their weights are 0":            {0.001, Labelled{-1, 0}},
	} {
		s.Temperature = tc.temperature
		got, err := s.Labels(t.Context(), f, []int{0, -1, 1, -1, -1, -1}, 2)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]Labelled{{0, 1}, {0, 1}, {1, 1}, {1, 1}, tc.outlier, tc.outlier}, got, cmpopts.EquateApprox(0, 1e-3)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestSame(t *testing.T) {
	if got := Same([]float32{0.9, 0.5, 1, 0.8, 0.2}); math.Abs(float64(got)-0.98) > 1e-6 {
		t.Errorf("%g, want a tenth of the distance of 0.8", got)
	}
}

// TestClosest asks with more copies of a row than are looked at first.
func TestClosest(t *testing.T) {
	f := &eval.Features{N: 43, D: 2}
	want := make([]float32, f.N)
	for i := range 40 {
		f.Data, want[i] = append(f.Data, 1, 0), 1
	}
	f.Data = append(f.Data, 0, 5, 3, 4, -1, 0)
	want[40], want[41], want[42] = 0.8, 0.8, 0
	chose := 0
	groups, got, err := Duplicates(t.Context(), f, func(closest []float32) float32 { chose++; return Same(closest) })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); d != "" || chose != 1 {
		t.Errorf("asked %d times (-want +got):\n%s", chose, d)
	}
	if len(groups) != 1 || groups[0].Keep != 0 || len(groups[0].Copies) != 39 {
		t.Errorf("groups %+v", groups)
	}
	if _, alone, err := Duplicates(t.Context(), &eval.Features{N: 1, D: 2, Data: []float32{1, 0}}, Same); err != nil || !slices.Equal(alone, []float32{0}) {
		t.Errorf("alone: %v, %v", alone, err)
	}
}
