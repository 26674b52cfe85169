package eval

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// measured is a score of n queries with outcomes.
func measured(n int, seed uint64) Score {
	rng := rand.New(rand.NewPCG(seed, 9))
	s := example()
	s.Protocol.Queries.Images = n
	for range n {
		s.Outcomes = append(s.Outcomes, float64(rng.IntN(4))/3)
	}
	return s
}

func TestOutcomesReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.jsonl")
	a := measured(1000, 1)
	other := measured(1000, 2) // of another protocol
	other.Protocol.K = 7
	renamed := measured(1000, 3) // what does not matter for comparing is not in the name
	renamed.Protocol.Bank.Data, renamed.Subject.WeightsSHA256 = "elsewhere", "0123456789abcdef"
	for _, s := range []Score{a, other, renamed, example()} {
		if err := Append(path, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []Score{a, other, renamed} {
		got, err := ReadOutcomes(path, s)
		if err != nil || !slices.Equal(got, s.Outcomes) {
			t.Errorf("outcomes read back as %.5g..., error %v", got, err)
		}
	}
	moved := a
	moved.Protocol.Bank.Data = "elsewhere"
	if got, err := ReadOutcomes(path, moved); err != nil || !slices.Equal(got, a.Outcomes) {
		t.Errorf("the path of the data hides the outcomes: %v", err)
	}
	a.Metric = "auc"
	if _, err := ReadOutcomes(path, a); !errors.Is(err, ErrNoOutcomes) {
		t.Errorf("error %v of a score without outcomes", err)
	}
}

func TestDamagedOutcomesAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.jsonl")
	s := measured(50, 1)
	if err := Append(path, s); err != nil {
		t.Fatal(err)
	}
	file := outcomesPath(path, s)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	packed := func(change func(raw []byte) []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(change(bytes.Clone(raw)))
		w.Close()
		return b.Bytes()
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	for _, tc := range []struct {
		name, want string
		file       []byte
	}{
		{"text", "damaged", []byte("0 1 1 0")},
		{"cut short", "damaged", whole[:len(whole)/2]},
		{"another checksum", "damaged", flipped},
		{"another magic", "does not begin with alikeout", packed(func(b []byte) []byte { b[0] = 'x'; return b })},
		{"a newer version", "needs a newer alike", packed(func(b []byte) []byte { b[8] = 9; return b })},
		{"another number of queries", "the score 50 queries", packed(func(b []byte) []byte { b[12] = 49; return b })},
		{"a value too few", "damaged", packed(func(b []byte) []byte { return b[:len(b)-8] })},
		{"a value too many", "goes on after its last value", packed(func(b []byte) []byte { return append(b, b[len(b)-8:]...) })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, tc.file, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadOutcomes(path, s)
			wantError(t, err, file)
			wantError(t, err, tc.want)
		})
	}
}

func TestOutcomesHaveTheScoreAsTheirMean(t *testing.T) {
	bank, queries := clusters(60, 8, 4, 2, 1), clusters(40, 8, 4, 2, 2)
	knn, err := KNN{K: 3, Temperature: 0.1}.Score(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	linear, err := DefaultLinear().Score(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := DefaultRetrieval().Scores(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(scores, knn, linear) {
		sum := 0.0
		for _, o := range s.Outcomes {
			sum += o
		}
		if len(s.Outcomes) != queries.N || !(math.Abs(sum/float64(queries.N)-s.Value) < 1e-12) {
			t.Errorf("%s is %g, the mean of %d outcomes %g", s.Metric, s.Value, len(s.Outcomes), sum/float64(queries.N))
		}
	}
}
