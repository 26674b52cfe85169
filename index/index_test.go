package index_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/eval"
	"alike/index"
)

func features(d int, data ...float32) *eval.Features {
	return &eval.Features{N: len(data) / d, D: d, Data: data}
}

func hit(i int, id, class string, similarity float32) index.Hit {
	return index.Hit{Index: i, ID: id, Class: class, Similarity: similarity}
}

func TestSearch(t *testing.T) {
	gallery := features(2, 0, 2, 3, 0, 0, 0, -1, 0, 5, 0)
	gallery.IDs = []string{"up", "right", "nowhere", "left", "far right"}
	gallery.Labels, gallery.Classes = []int{0, 1, 2, -1, 1}, []string{"b"} // the names of other classes are not known
	x, err := index.New(gallery)
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.Search(t.Context(), features(2, 4, 0, 0, 9), 10)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]index.Hit{
		{hit(1, "right", "1", 1), hit(4, "far right", "1", 1), hit(0, "up", "b", 0), hit(2, "nowhere", "2", 0), hit(3, "left", "", -1)},
		{hit(0, "up", "b", 1), hit(1, "right", "1", 0), hit(2, "nowhere", "2", 0), hit(3, "left", "", 0), hit(4, "far right", "1", 0)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got, err = x.Search(t.Context(), features(2, 4, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]index.Hit{want[0][:1]}, got); d != "" {
		t.Errorf("k=1 (-want +got):\n%s", d)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	x, err := index.New(features(2, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	for _, tc := range []struct {
		name, want string
		ctx        context.Context
		queries    *eval.Features
		k          int
	}{
		{"another dimension", "3 values, the index's 2", t.Context(), features(3, 1, 1, 1), 1},
		{"k of 0", "k must be at least 1", t.Context(), features(2, 1, 1), 0},
		{"no queries", "features of 0 images", t.Context(), features(2), 1},
		{"stopped", "enough", stopped, features(2, 1, 1), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := x.Search(tc.ctx, tc.queries, tc.k)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	if _, err := index.New(features(2)); err == nil {
		t.Error("an empty gallery is accepted")
	}
}

func Example() {
	gallery := &eval.Features{N: 3, D: 2, Data: []float32{1, 0, 0, 1, 1, 1}, IDs: []string{"east", "north", "north-east"}}
	x, err := index.New(gallery)
	if err != nil {
		fmt.Println(err)
		return
	}
	hits, err := x.Search(context.Background(), &eval.Features{N: 1, D: 2, Data: []float32{2, 1}}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range hits[0] {
		fmt.Printf("%.3f %s\n", h.Similarity, h.ID)
	}
	// Output:
	// 0.949 north-east
	// 0.894 east
}
