package eval

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRetainIsSelectInPlace(t *testing.T) {
	f := clusters(20, 3, 4, 1, 5)
	for i := range f.N {
		f.IDs = append(f.IDs, string(rune('a'+i)))
	}
	rows := []int{0, 3, 4, 11, 19}
	want := f.Select(rows)
	f.Retain(rows)
	if d := cmp.Diff(want, f); d != "" {
		t.Errorf("(-select +retain):\n%s", d)
	}
	bare := &Features{N: 3, D: 1, Data: []float32{1, 2, 3}}
	if bare.Retain([]int{2}); bare.N != 1 || !slices.Equal(bare.Data, []float32{3}) || bare.Labels != nil || bare.IDs != nil {
		t.Errorf("%+v", bare)
	}
}

// TestNormalisingFirstChangesNoBit compares scores of embeddings that were normalised in place
// with those that metrics normalise themselves.
func TestNormalisingFirstChangesNoBit(t *testing.T) {
	raw, unit := clusters(300, 9, 5, 1.5, 6), clusters(300, 9, 5, 1.5, 6)
	clear(raw.Row(7))
	clear(unit.Row(7))
	unit.Normalize()
	if slices.Equal(raw.Data, unit.Data) {
		t.Fatal("nothing to normalise")
	}
	var scores [2][]Score
	for i, f := range []*Features{raw, unit} {
		knn, err1 := DefaultKNN().Score(t.Context(), f, f)
		retrieval, err2 := DefaultRetrieval().Scores(t.Context(), f, f)
		clusters, err3 := DefaultNMI().ClusterScores(t.Context(), f)
		verification, err4 := DefaultVerification().Scores(t.Context(), f)
		for _, err := range []error{err1, err2, err3, err4} {
			if err != nil {
				t.Fatal(err)
			}
		}
		scores[i] = slices.Concat([]Score{knn}, retrieval, clusters, verification)
	}
	if d := cmp.Diff(scores[0], scores[1]); d != "" {
		t.Errorf("(-raw +normalised):\n%s", d)
	}
}
