package dataset_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/dataset"
	"alike/internal/npy"
)

// arrayFile writes an array and what stands beside it.
func arrayFile(t *testing.T, dir, name string, dims []int, beside map[string]string, values ...float32) string {
	t.Helper()
	var b bytes.Buffer
	if err := npy.Write(&b, dims, values); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name+".npy")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for suffix, text := range beside {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestFeatures(t *testing.T) {
	dir := t.TempDir()
	arrayFile(t, dir, "train", []int{3, 2, 2}, map[string]string{".labels.txt": "dog\ncat\n\n", ".ids.txt": "a\nb\nc\n"}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	arrayFile(t, dir, "test", []int{1, 2}, map[string]string{".labels.txt": "dog\n"}, -1, -2)
	s, err := dataset.Open(t.Context(), dir, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	train, test := s.Splits[dataset.Train], s.Splits[dataset.Test]
	if s.Format != "features" || train.Len() != 3 || test.Len() != 1 || train.ID(1) != "b" || test.ID(0) != "0" {
		t.Fatalf("%s: %d and %d images, ids %s, %s", s.Format, train.Len(), test.Len(), train.ID(1), test.ID(0))
	}
	labels := []int{train.Label(0), train.Label(1), train.Label(2), test.Label(0)}
	if d := cmp.Diff([]int{1, 0, -1, 1}, labels) + cmp.Diff([]string{"cat", "dog"}, test.Classes()); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	dogs, err := s.OfClasses("dog")
	if err != nil {
		t.Fatal(err)
	}
	f, i := dataset.FeaturesOf(dataset.Subset(dogs.Splits[dataset.Train], "one", []int{0}), 0)
	if f == nil || f.Views() != 2 || f.Dim() != 2 {
		t.Fatalf("features within a subset: %v", f)
	}
	if d := cmp.Diff([]float32{2, 3}, f.Vector(i, 1)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := train.Image(0); err == nil || !strings.Contains(err.Error(), "holds features, not images") {
		t.Errorf("as an image: %v", err)
	}
	one, err := dataset.Hash(train)
	if err != nil {
		t.Fatal(err)
	}
	f.Vector(0, 0)[1] = 1.5
	if other, err := dataset.Hash(train); err != nil || other == one {
		t.Errorf("the hash of other values is %s as well (%v)", other, err)
	}
}

func TestFeaturesToValidateWith(t *testing.T) {
	dir := t.TempDir()
	for _, split := range []string{"train", "val"} {
		arrayFile(t, dir, split, []int{1, 2}, map[string]string{".labels.txt": "dog\n"}, 1, 2)
	}
	s, err := dataset.Open(t.Context(), dir, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Split(dataset.Test); err != nil || len(s.Splits) != 2 || d.Label(0) != 0 {
		t.Errorf("val does not stand in for test: %v, %v", s.Splits, err)
	}
}

func TestFeaturesThatCannotBe(t *testing.T) {
	nan := float32(0)
	nan /= nan
	for _, tc := range []struct {
		want   string
		dims   []int
		beside map[string]string
		values []float32
	}{
		{"an array of [4]", []int{4}, nil, []float32{1, 2, 3, 4}},
		{"an array of [0 4]", []int{0, 4}, nil, nil},
		{"row 1 holds NaN", []int{2, 2}, nil, []float32{1, 2, nan, 4}},
		{"has 3 lines, a.npy has 2 rows", []int{2, 2}, map[string]string{".labels.txt": "x\ny\nz\n"}, []float32{1, 2, 3, 4}},
	} {
		path := arrayFile(t, t.TempDir(), "a", tc.dims, tc.beside, tc.values...)
		if _, err := dataset.Open(t.Context(), path, dataset.Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}
