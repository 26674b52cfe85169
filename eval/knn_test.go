package eval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"alike/internal/kernel/cpu"
)

// knnTwin is the definition in float64: all similarities, sorted. Where float32
// cannot tell who is among the k nearest it answers -1.
func knnTwin(m KNN, bank, queries *Features, classes int) []int {
	predictions := make([]int, queries.N)
	for q := range predictions {
		type candidate struct {
			similarity float64
			label      int
		}
		var all []candidate
		for i := range bank.N {
			if bank != queries || i != q {
				all = append(all, candidate{cosine(queries.Row(q), bank.Row(i)), bank.Labels[i]})
			}
		}
		slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.similarity, a.similarity) })
		if m.K < len(all) && all[m.K-1].similarity-all[m.K].similarity < 1e-6 && bank.D > 1 {
			predictions[q] = -1
			continue
		}
		sums := make([]float64, classes)
		for _, c := range all[:min(m.K, len(all))] {
			sums[c.label] += math.Exp(c.similarity / m.Temperature)
		}
		for class, sum := range sums {
			if sum > sums[predictions[q]] {
				predictions[q] = class
			}
		}
	}
	return predictions
}

func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for k := range x {
		a, b := float64(x[k]), float64(y[k])
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	if xx*yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func TestKNNAgreesWithItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, classes := rapid.IntRange(1, 20).Draw(t, "d"), rapid.IntRange(1, 5).Draw(t, "classes")
		bank := clusters(rapid.IntRange(2, 300).Draw(t, "n"), d, classes, 1, rapid.Uint64().Draw(t, "seed"))
		queries := bank
		if rapid.Bool().Draw(t, "apart") {
			queries = clusters(30, d, classes, 1, 99)
		}
		m := KNN{K: rapid.IntRange(1, 400).Draw(t, "k"), Temperature: rapid.Float64Range(0.02, 2).Draw(t, "temperature")}
		got, err := m.Predict(context.Background(), bank, queries)
		if err != nil {
			t.Fatal(err)
		}
		for q, want := range knnTwin(m, bank, queries, classes) {
			if want >= 0 && got[q] != want {
				t.Fatalf("query %d is taken for class %d, want %d", q, got[q], want)
			}
		}
	})
}

func TestKNNAgreesWithReferenceValues(t *testing.T) {
	var file struct {
		Tests []struct {
			ID     string
			Inputs struct {
				Bank, Queries [][]float32
				BankLabels    []int `json:"bank_labels"`
			}
			Params struct {
				K           int
				Temperature float64
			}
			Expected struct {
				Scores      [][]float64
				Predictions []int
			}
		}
	}
	raw, err := os.ReadFile("testdata/knn.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Tests) == 0 {
		t.Fatal("no tests in testdata/knn.json")
	}
	for _, r := range file.Tests {
		t.Run(r.ID, func(t *testing.T) {
			bank := &Features{N: len(r.Inputs.Bank), D: 3, Data: slices.Concat(r.Inputs.Bank...), Labels: r.Inputs.BankLabels}
			queries := &Features{N: len(r.Inputs.Queries), D: 3, Data: slices.Concat(r.Inputs.Queries...), Labels: r.Expected.Predictions}
			s, err := KNN{K: r.Params.K, Temperature: r.Params.Temperature}.Score(t.Context(), bank, queries)
			if err != nil {
				t.Fatal(err)
			}
			if s.Value != 1 {
				t.Errorf("%g of the predictions are as expected", s.Value)
			}
		})
	}
}

func TestVote(t *testing.T) {
	for _, tc := range []struct {
		name         string
		similarities []float32
		labels       []int
		temperature  float64
		winner       int
		shares       []float64
	}{
		{"one near neighbour outvotes two far ones", []float32{0.9, 0.1, 0.1}, []int{2, 1, 1}, 0.1, 2, []float64{0, 0.00067, 0.99933}},
		{"at a high temperature the majority wins", []float32{0.9, 0.1, 0.1}, []int{2, 1, 1}, 10, 1, []float64{0, 0.64866, 0.35134}},
		{"of equal sums the lower class wins", []float32{0.5, 0.5}, []int{2, 1}, 0.1, 1, []float64{0, 0.5, 0.5}},
		{"a tiny temperature does not overflow", []float32{1, 0.9}, []int{0, 1}, 1e-5, 0, []float64{1, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			winner, shares := KNN{Temperature: tc.temperature}.Vote(tc.similarities, tc.labels, 3)
			if winner != tc.winner {
				t.Errorf("winner %d, want %d", winner, tc.winner)
			}
			for c := range shares {
				if !(math.Abs(shares[c]-tc.shares[c]) < 1e-5) {
					t.Errorf("shares %.5f, want %.5f", shares, tc.shares)
				}
			}
		})
	}
}

func TestKNNScoreCarriesItsProtocol(t *testing.T) {
	bank, queries := clusters(100, 8, 4, 0.1, 1), clusters(40, 8, 4, 0.1, 2)
	bank.Set, queries.Set = Set{Data: "d", Split: "train", SHA256: "a"}, Set{Data: "d", Split: "test", SHA256: "b"}
	s, err := KNN{K: 200, Temperature: 0.1}.Score(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	want := Score{
		Metric: "knn_accuracy", Value: 1, CI95: new(Wilson(40, 40)),
		Protocol: Protocol{
			Bank:    Set{Data: "d", Split: "train", SHA256: "a", Images: 100},
			Queries: Set{Data: "d", Split: "test", SHA256: "b", Images: 40},
			Classes: 4, Layer: "h", Normalisation: "l2",
			Variant: "cosine, votes weighted by exp(similarity/temperature)",
			K:       100, Temperature: 0.1,
		},
		Notes:    []string{"k is 100, not 200: a query has no more candidates in the bank"},
		Outcomes: slices.Repeat([]float64{1}, 40),
	}
	if d := diff.Diff(want, s); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestLeaveOneOut(t *testing.T) {
	// Each image has a copy of the other class and none of its own.
	f := &Features{N: 4, D: 2, Data: []float32{1, 0, 1, 0, 0, 1, 0, 1}, Labels: []int{0, 1, 0, 1}}
	s, err := KNN{K: 1, Temperature: 0.1}.Score(t.Context(), f, f)
	if err != nil {
		t.Fatal(err)
	}
	if s.Value != 0 || !s.Protocol.LeaveOneOut {
		t.Errorf("accuracy %g, leave one out %t: an image found itself", s.Value, s.Protocol.LeaveOneOut)
	}
}

func TestKNNRefuses(t *testing.T) {
	good := clusters(10, 4, 2, 1, 1)
	change := func(f func(*Features)) *Features {
		c := good.Select([]int{0, 1, 2, 3})
		f(c)
		return c
	}
	for _, tc := range []struct {
		name, want    string
		m             KNN
		bank, queries *Features
	}{
		{"k of 0", "k 0", KNN{Temperature: 1}, good, good},
		{"NaN temperature", "temperature NaN", KNN{K: 1, Temperature: math.NaN()}, good, good},
		{"another dimension", "different models or layers", DefaultKNN(), good, clusters(3, 5, 2, 1, 1)},
		{"no labels", "have no labels", DefaultKNN(), change(func(f *Features) { f.Labels = nil }), good},
		{"an unlabelled image", "image 2 of clusters has label -1", DefaultKNN(), change(func(f *Features) { f.Labels[2] = -1 }), good},
		{"a NaN", "image 1 (b) holds NaN", DefaultKNN(), good, change(func(f *Features) {
			f.IDs = []string{"a", "b", "c", "d"}
			f.Data[5] = float32(math.NaN())
		})},
		{"other classes", "the classes of the bank and of the queries differ", DefaultKNN(),
			change(func(f *Features) { f.Classes = []string{"cat", "dog"} }),
			change(func(f *Features) { f.Classes = []string{"ant", "bee"} })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.m.Predict(t.Context(), tc.bank, tc.queries)
			wantError(t, err, tc.want)
		})
	}
	one := good.Select([]int{0})
	_, err := DefaultKNN().Predict(t.Context(), one, one)
	wantError(t, err, "need at least 2")
}

// BenchmarkKNN is the evaluation of CIFAR-10 at the width of ResNet-18.
func BenchmarkKNN(b *testing.B) {
	const n, q, d = 50_000, 10_000, 512
	bank, queries := clusters(n, d, 10, 1, 1), clusters(q, d, 10, 1, 2)
	b.Run(fmt.Sprintf("bank=%d/queries=%d/d=%d/k=200/impl=%s", n, q, d, cpu.Detect()), func(b *testing.B) {
		for b.Loop() {
			if _, err := DefaultKNN().Predict(b.Context(), bank, queries); err != nil {
				b.Fatal(err)
			}
		}
		seconds := b.Elapsed().Seconds() / float64(b.N)
		b.ReportMetric(2*float64(n)*q*d/seconds/1e9, "GFLOP/s")
		b.ReportMetric(seconds, "s/eval")
	})
}

func TestPlainNeighboursHaveOneVoteEach(t *testing.T) {
	bank := &Features{N: 3, D: 2, Data: []float32{1, 0, 0, 1, 0.1, 1}, Labels: []int{0, 1, 1}}
	query := &Features{N: 1, D: 2, Data: []float32{1, 0.1}, Labels: []int{1}}
	for plain, want := range map[bool]float64{false: 0, true: 1} {
		s, err := KNN{K: 3, Temperature: 0.1, Plain: plain}.Score(t.Context(), bank, query)
		if err != nil || s.Value != want || (s.Protocol.Temperature == 0) != plain {
			t.Errorf("plain %t: %+v, %v", plain, s, err)
		}
	}
}
