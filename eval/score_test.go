package eval

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() Score {
	return Score{
		Metric: "knn_accuracy", Value: 0.5, CI95: &[2]float64{0.25, 0.75},
		Subject:  Subject{Name: "runs/a", Method: "simclr", Step: 7, Seed: 1},
		Protocol: Protocol{Bank: Set{Data: "d", Split: "train", SHA256: "f", Images: 4}, Layer: "h", K: 3, Temperature: 0.1},
	}
}

func TestScoreJSON(t *testing.T) {
	raw, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metric":"knn_accuracy","value":0.5,"ci95":[0.25,0.75],` +
		`"subject":{"name":"runs/a","method":"simclr","step":7,"seed":1},` +
		`"protocol":{"bank":{"data":"d","split":"train","sha256":"f","images":4},` +
		`"queries":{"data":"","split":"","sha256":"","images":0},` +
		`"leave_one_out":false,"classes":0,"layer":"h","normalisation":"","variant":"","k":3,"temperature":0.1}}`
	if d := cmp.Diff(want, string(raw)); d != "" {
		t.Error(d)
	}
}

func TestCompare(t *testing.T) {
	a := example().Protocol
	for _, tc := range []struct {
		name   string
		change func(p *Protocol)
		want   []string
	}{
		{"the same", func(*Protocol) {}, nil},
		{"the path of the same data", func(p *Protocol) { p.Bank.Data = "elsewhere" }, nil},
		{"other data", func(p *Protocol) { p.Bank.SHA256 = "0" }, []string{"bank.sha256: f and 0"}},
		{"another k and layer", func(p *Protocol) { p.K, p.Layer = 20, "z" }, []string{"layer: h and z", "k: 3 and 20"}},
		{"other strengths", func(p *Protocol) { p.L2 = []float64{1} }, []string{"l2: [] and [1]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := a
			tc.change(&b)
			var got []string
			for _, d := range Compare(a, b) {
				got = append(got, d.String())
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAppendedScoresReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.jsonl")
	a, b := example(), example()
	b.Probe, b.Notes = &Probe{TrainAccuracy: 1, L2: 0.1, Iterations: 3}, []string{"a <note>\nof two lines"}
	for _, s := range []Score{a, b} {
		if err := Append(path, s); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Scores(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Score{a, b}, got); d != "" {
		t.Error(d)
	}
	if err := os.WriteFile(path, []byte("{}\n{\"metric\": 3}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Scores(path)
	wantError(t, err, "scores.jsonl: line 2")
}

func TestOlderScoresWithoutAnIntervalReadAsTodays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.jsonl")
	lines := `{"metric":"auc","value":0.5,"ci95":[0.5,0.5]}
{"metric":"recall@1","value":1,"ci95":[1,1],"protocol":{"bootstrap":{"resamples":100}}}
`
	if err := os.WriteFile(path, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	scores, err := Scores(path)
	if err != nil || scores[0].CI95 != nil || scores[1].CI95 == nil {
		t.Errorf("scores %+v, error %v: the value twice is no interval, a bootstrap of equal queries is", scores, err)
	}
}

func TestOlderNamesReadAsTodays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.jsonl")
	lines := `{"metric":"recall_at_10"}
{"metric":"map_at_r"}
{"metric":"nmi","protocol":{"variant":"k-means++, geometric mean"}}
{"metric":"nmi","protocol":{"variant":"k-means++, arithmetic mean"}}
`
	if err := os.WriteFile(path, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	scores, err := Scores(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range scores {
		got = append(got, s.Metric)
	}
	if d := cmp.Diff([]string{"recall@10", "map@r", "nmi_geometric", "nmi_arithmetic"}, got); d != "" {
		t.Error(d)
	}
}

func TestWilson(t *testing.T) {
	for _, tc := range []struct {
		name    string
		hits, n int
		want    [2]float64
	}{
		// As R's prop.test without continuity correction gives them.
		{"half of ten", 5, 10, [2]float64{0.2365931, 0.7634069}},
		{"none of ten", 0, 10, [2]float64{0, 0.2775328}},
		{"all of ten", 10, 10, [2]float64{0.7224672, 1}},
		{"90 of 100", 90, 100, [2]float64{0.8256343, 0.9447708}},
		{"nothing observed", 0, 0, [2]float64{0, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Wilson(tc.hits, tc.n)
			for i := range got {
				if !(math.Abs(got[i]-tc.want[i]) < 1e-6) {
					t.Errorf("got %.7f, want %.7f", got, tc.want)
				}
			}
		})
	}
}

func TestIntervalIsForPeople(t *testing.T) {
	for want, s := range map[string]Score{
		"30.90 to 35.04": {Value: 0.33, CI95: &[2]float64{0.309, 0.35039}},
		"none":           {Value: 0.33},
	} {
		if got := s.Interval(); got != want {
			t.Errorf("%v: %q, want %q", s.CI95, got, want)
		}
	}
}
