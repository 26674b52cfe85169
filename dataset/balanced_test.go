package dataset

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBalancedTakesAsManyOfEachClass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes := rapid.IntRange(1, 8).Draw(t, "classes")
		d := &Memory{Title: "d", Names: make([]string, classes)}
		d.Labels = rapid.SliceOfN(rapid.IntRange(-1, classes-1), 1, 200).Draw(t, "labels")
		d.Labels = append(d.Labels, 0)
		d.Images = make([]Image, len(d.Labels))
		have, labelled := make([]int, classes), 0
		for _, l := range d.Labels {
			if l >= 0 {
				have[l]++
				labelled++
			}
		}
		share, seed := rapid.Float64Range(0.01, 1).Draw(t, "share"), rapid.Uint64().Draw(t, "seed")
		got, err := Balanced(d, share, seed)
		if err != nil {
			t.Fatal(err)
		}
		each, counts := 0, make([]int, classes)
		for _, i := range got {
			counts[d.Label(i)]++
			each = max(each, counts[d.Label(i)])
		}
		for c, n := range counts {
			if share < 1 && n != min(each, have[c]) {
				t.Fatalf("class %d has %d of %d images, others %d", c, n, have[c], each)
			}
		}
		if want := max(1, share*float64(labelled)/float64(classes)); share < 1 && float64(each) > want+0.5 {
			t.Fatalf("%d of a class, want about %g", each, want)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("indices %d are not in order, each once", got)
		}
		less, err := Balanced(d, share/2, seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range less {
			if !slices.Contains(got, i) {
				t.Fatalf("image %d is in the half, not in the whole", i)
			}
		}
	})
}

func TestBalancedTakesAllOrRefuses(t *testing.T) {
	d := &Memory{Title: "d", Images: make([]Image, 4), Labels: []int{1, 0, 0, 0}, Names: []string{"a", "b"}}
	if got, err := Balanced(d, 1, 1); err != nil || len(got) != 4 {
		t.Errorf("all labels are those of %d, error %v", got, err)
	}
	for _, share := range []float64{0, -1, 1.1} {
		if _, err := Balanced(d, share, 1); err == nil {
			t.Errorf("a share of %g is taken", share)
		}
	}
	d.Labels = nil
	if _, err := Balanced(d, 0.5, 1); err == nil || !strings.Contains(err.Error(), "d has no labels") {
		t.Errorf("error %v", err)
	}
}
