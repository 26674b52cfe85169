package eval

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPerClassByHand(t *testing.T) {
	queries := &Features{N: 5, Labels: []int{2, 0, 2, 0, 2}, Classes: []string{"cat", "dog", "owl"}}
	s := Score{Outcomes: []float64{1, 0, 0.5, 1, 0}}
	want := []ClassValue{{"cat", 2, 0.5}, {"owl", 3, 0.5}}
	if d := cmp.Diff(want, PerClass(s, queries)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	queries.Labels[1], queries.Labels[3] = -1, -1
	if d := cmp.Diff(want[1:], PerClass(s, queries)); d != "" {
		t.Errorf("without the class of two (-want +got):\n%s", d)
	}
	queries.Labels[1], queries.Labels[3] = 0, 0
	queries.Classes = nil
	if got := PerClass(s, queries); got[1].Class != "2" {
		t.Errorf("a class without a name is %q", got[1].Class)
	}
	if got := PerClass(Score{}, queries); got != nil {
		t.Errorf("a score without outcomes has values %v", got)
	}
}

func TestPerClassAveragesToTheScore(t *testing.T) {
	f := clusters(90, 6, 7, 1.5, 1)
	scores, err := DefaultRetrieval().Scores(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		sum := 0.0
		for _, v := range PerClass(s, f) {
			sum += v.Value * float64(v.Queries)
		}
		if !(math.Abs(sum/float64(f.N)-s.Value) < 1e-12) {
			t.Errorf("%s is %g, its classes average to %g", s.Metric, s.Value, sum/float64(f.N))
		}
	}
}
