package index_test

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"alike/eval"
	"alike/index"
	"alike/index/hnsw"
)

// twin scores float rows by a form, in float64, by its definition.
func twin(encoding string, f *eval.Features, query []float32) []float64 {
	unit := func(v []float32) []float64 {
		sum := 0.0
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		u := make([]float64, len(v))
		for k, x := range v {
			u[k] = float64(float32(float64(x) / math.Sqrt(sum)))
		}
		return u
	}
	mean := make([]float64, f.D)
	for i := range f.N {
		for k, x := range unit(f.Row(i)) {
			mean[k] += x / float64(f.N)
		}
	}
	q, scores := unit(query), make([]float64, f.N)
	for i := range scores {
		v := unit(f.Row(i))
		if encoding == index.Binary {
			differ := 0
			for k := range v {
				if (v[k] > mean[k]) != (q[k] > mean[k]) {
					differ++
				}
			}
			scores[i] = math.Cos(math.Pi * float64(differ) / float64(f.D))
			continue
		}
		largest := 0.0
		for k, x := range v {
			largest = max(largest, math.Abs(x-mean[k]))
		}
		for k, x := range v {
			scores[i] += q[k] * (mean[k] + math.RoundToEven((x-mean[k])/largest*127)*largest/127)
		}
	}
	return scores
}

func TestEncodedSearchAgreesWithItsDefinition(t *testing.T) {
	for encoding, tolerance := range map[string]float64{index.Int8: 1e-3, index.Binary: 1e-6} {
		for _, d := range []int{1, 7, 64, 65, 200} {
			entries, f := drawn(2500, d, 21)
			dir, small := filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "small")
			write(t, dir, entries, f)
			q, err := index.Quantize(t.Context(), dir, encoding, small)
			if err != nil {
				t.Fatal(err)
			}
			if q.Sample != 1000 || q.K != 10 || q.Recall < 0 || q.Recall > 1 || q.FloatBytes != int64(4*2500*d) {
				t.Errorf("%s, d=%d: %+v", encoding, d, q)
			}
			x := open(t, small)
			if x.Len() != 2500 || x.Entry(9) != entries[9] || x.About.Files.Vectors.Bytes != q.Bytes || x.About.Encoding != encoding {
				t.Errorf("%s, d=%d: about %+v", encoding, d, x.About)
			}
			_, queries := drawn(3, d, 22)
			hits, err := x.SearchWhere(t.Context(), queries, 40, index.Filter{Classes: []string{"cat"}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range queries.N {
				want := twin(encoding, f, queries.Row(i))
				if len(hits[i]) != 40 || !slices.IsSortedFunc(hits[i], func(a, b index.Hit) int { return cmp.Compare(b.Similarity, a.Similarity) }) {
					t.Fatalf("%s, d=%d: %d hits, or not in order", encoding, d, len(hits[i]))
				}
				for row, score := range want {
					if row%2 == 0 && !slices.ContainsFunc(hits[i], func(h index.Hit) bool { return h.Index == row }) {
						if score > float64(hits[i][39].Similarity)+tolerance {
							t.Fatalf("%s, d=%d: row %d of similarity %g is missed", encoding, d, row, score)
						}
					}
				}
				for _, h := range hits[i] {
					if math.Abs(float64(h.Similarity)-want[h.Index]) > tolerance || h.Class != "cat" {
						t.Fatalf("%s, d=%d: %+v, want similarity %g", encoding, d, h, want[h.Index])
					}
				}
			}
		}
	}
}

// What is decoded is near what was encoded: an int8 by half a step.
func TestEncodedVectors(t *testing.T) {
	entries, f := drawn(50, 32, 23)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x"), entries, f)
	x := open(t, filepath.Join(dir, "x"))
	for encoding, least := range map[string]float64{index.Int8: 0.9999, index.Binary: 0.6} {
		if _, err := index.Quantize(t.Context(), filepath.Join(dir, "x"), encoding, filepath.Join(dir, encoding)); err != nil {
			t.Fatal(err)
		}
		small := open(t, filepath.Join(dir, encoding))
		for i := range 50 {
			var dot, length float64
			for k, v := range small.Vector(i) {
				dot, length = dot+float64(v)*float64(x.Vector(i)[k]), length+float64(v)*float64(v)
			}
			if cosine := dot / math.Sqrt(length); cosine < least {
				t.Errorf("%s: row %d has cosine %g with what it was", encoding, i, cosine)
			}
		}
		s := index.NewStore(small)
		if err := s.Add("new", "", f.Row(3)); err != nil {
			t.Fatal(err)
		}
		if hits, err := s.Search(t.Context(), f.Select([]int{3}), 1); err != nil || hits[0][0].ID != "new" && hits[0][0].ID != entries[3].ID {
			t.Errorf("%s: a store finds %v, %v", encoding, hits, err)
		}
		if err := s.Snapshot().Write(filepath.Join(dir, "y")); err == nil || !strings.Contains(err.Error(), "cannot be got back") {
			t.Errorf("%s: written as float32: %v", encoding, err)
		}
		if _, err := index.BuildGraph(t.Context(), filepath.Join(dir, encoding), hnsw.Defaults(), nil); err == nil || !strings.Contains(err.Error(), "built over float32") {
			t.Errorf("got %v", err)
		}
		if _, err := index.Quantize(t.Context(), filepath.Join(dir, encoding), encoding, filepath.Join(dir, "y")); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := index.Quantize(t.Context(), filepath.Join(dir, "x"), "int4", filepath.Join(dir, "y")); err == nil || !strings.Contains(err.Error(), "unknown form") {
		t.Errorf("got %v", err)
	}
}
