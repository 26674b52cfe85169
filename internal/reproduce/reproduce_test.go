package reproduce

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alike/eval"
	"alike/train"
)

func TestTestsNameWhatExists(t *testing.T) {
	for _, s := range Scales {
		for _, c := range Claims() {
			var variants, measures []string
			for _, v := range c.Variants(s) {
				if slices.Contains(variants, v.Name) {
					t.Errorf("%s, %s: two variants are called %q", s.Name, c.Name, v.Name)
				}
				variants = append(variants, v.Name)
			}
			for _, m := range c.Measures {
				measures = append(measures, m.Name)
			}
			if len(c.Tests) == 0 && c.Judge == nil {
				t.Errorf("%s tests nothing", c.Name)
			}
			for _, test := range c.Tests {
				for _, name := range slices.Concat(test.More, test.Less) {
					if !slices.Contains(variants, name) {
						t.Errorf("%s, %s: %q names the variant %q; have %q", s.Name, c.Name, test.Says, name, variants)
					}
				}
				for _, by := range []string{test.By, test.LessBy} {
					if by != "" && !slices.Contains(measures, by) {
						t.Errorf("%s: %q names the measure %q; have %q", c.Name, test.Says, by, measures)
					}
				}
			}
		}
	}
}

func TestVerdictsFollowTheInterval(t *testing.T) {
	for _, tc := range []struct {
		name  string
		gains []float64
		want  Verdict
	}{
		{"a gain in all seeds", []float64{0.05, 0.06, 0.055}, Held},
		{"a loss in all seeds", []float64{-0.05, -0.06, -0.055}, Contradicted},
		{"seeds that disagree", []float64{0.05, -0.06, 0.01}, NotShown},
	} {
		var o Outcome
		o.seeds("a over b", tc.gains)
		if o.Verdict != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, o.Verdict, tc.want)
		}
	}
	from, to := make([]float64, 400), make([]float64, 400)
	for i := range 100 {
		to[i] = 1
	}
	var o Outcome
	if err := o.queries(t.Context(), "a over b", from, to); err != nil || o.Verdict != Held {
		t.Errorf("a hundred queries gained of 400: %s (%v), want %s", o.Verdict, err, Held)
	}
}

func TestOverallCountsWhatDisagrees(t *testing.T) {
	of := func(v ...Verdict) (list []Outcome) {
		for _, v := range v {
			list = append(list, Outcome{Verdict: v})
		}
		return list
	}
	if got := overall(of(Held, Held)); got != "held" {
		t.Errorf("two that held: %q", got)
	}
	if got := overall([]Outcome{{Verdict: Held, OneSeed: true}, {Verdict: NotShown}}); got != "of 2: 1 held, 1 did not show at this scale (1 of them on one seed)" {
		t.Errorf("one of two on one seed: %q", got)
	}
	if got := overall(of(Held, NotRun, Held)); got != "of 3: 2 held, 1 not run yet" {
		t.Errorf("one that was not run: %q", got)
	}
}

// results are made up: values by variant and seed.
func results(values map[string][]float64, variants ...string) *Results {
	r := &Results{Claim: &Claim{Name: "made up", Measures: []Measure{linearH}}, Scale: Scale{Seeds: 3}, runs: map[string][]run{}}
	for _, v := range variants {
		r.Variants = append(r.Variants, Variant{Name: v})
		for i, x := range values[v] {
			rec := &Record{Done: true, Scores: map[string][]eval.Score{"linear --layer h": {{Metric: "linear_accuracy", Value: x}}}}
			r.runs[v] = append(r.runs[v], run{fmt.Sprint(v, i), rec})
		}
	}
	return r
}

func TestATestComparesTheBestVariantsSeedBySeed(t *testing.T) {
	r := results(map[string][]float64{"a": {0.5, 0.6, 0.7}, "b": {0.1, 0.1, 0.1}, "c": {0.4, 0.5, 0.6, 0.9}}, "a", "b", "c", "d")
	o, err := r.judge(t.Context(), Test{More: []string{"a", "b"}, Less: []string{"b"}})
	if err != nil || o.Verdict != Held || !strings.Contains(o.Detail, "a over b: +50.0 points") {
		t.Errorf("a over b: %+v, %v", o, err)
	}
	if o, err = r.judge(t.Context(), Test{More: []string{"c"}, Less: []string{"a"}}); err != nil || o.Verdict != Contradicted || !strings.Contains(o.Detail, "-10.0 points") {
		t.Errorf("c over a, the seeds that both have: %+v, %v", o, err)
	}
	if o, err = r.judge(t.Context(), Test{More: []string{"a"}, Less: []string{"b", "d"}}); err != nil || o.Verdict != NotRun {
		t.Errorf("d has no run: %+v, %v", o, err)
	}
}

func TestTheBestIsThatOfSharedSeeds(t *testing.T) {
	r := results(map[string][]float64{"a": {0.50, 0.40, 0.40}, "b": {0.45}}, "a", "b")
	variants := []string{"a", "b"}
	if best := r.best(variants, linearH.Name, r.shared(variants, linearH.Name)); best != "a" {
		t.Errorf("%s is the best: by a mean over three seeds beside one lucky one", best)
	}
}

func TestJobsAreSeedBySeedAndFewRunsFirst(t *testing.T) {
	trial := &Trial{Lab: Lab{Dir: t.TempDir()}, Claims: Claims(), Scale: Scales[0], Data: "x", Labelled: "y"}
	jobs, err := trial.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(jobs, func(a, b Job) int { return a.Seed - b.Seed }) {
		t.Error("a second seed comes before a first")
	}
	names := map[string]string{}
	for _, j := range jobs {
		if other, ok := names[j.Name]; ok && other != strings.Join(j.Train, " ") {
			t.Errorf("two runs are called %s", j.Name)
		}
		names[j.Name] = strings.Join(j.Train, " ")
	}
	if len(names) >= len(jobs) {
		t.Error("no run is shared, though the head's nonlinear one is NT-Xent's")
	}
	if left := trial.Left(jobs); left > 6*time.Hour {
		t.Errorf("all at scale cpu take %s, want at most six hours", left)
	}
	trial.Labelled = ""
	if without, err := trial.Jobs(); err != nil || len(without) >= len(jobs) {
		t.Errorf("without labelled images there are %d of %d jobs (%v), want fewer", len(without), len(jobs), err)
	}
}

func TestTheLabForgetsNothingAndRepeatsNothing(t *testing.T) {
	calls := 0
	stop := errors.New("stopped")
	var l *Lab
	checkpoint := func() error { return os.MkdirAll(filepath.Join(l.RunDir("a"), "checkpoints", "00000001"), 0o755) }
	l = &Lab{Dir: t.TempDir(), Alike: func(_ context.Context, args ...string) ([]byte, error) {
		calls++
		if args[0] == "eval" {
			return []byte(`{"metric": "knn_accuracy", "value": 0.5}`), nil
		}
		return nil, errors.Join(stop, checkpoint())
	}}
	if _, err := l.Run(t.Context(), "a", []string{"simclr"}); !errors.Is(err, stop) {
		t.Fatalf("a stop in training: %v", err)
	}
	r, err := l.Record("a")
	if err != nil || r == nil || r.Done {
		t.Fatalf("the record of a stopped run is %+v (%v), want one that is not done", r, err)
	}
	r.Done = true
	if err := errors.Join(l.save("a", r), checkpoint()); err != nil {
		t.Fatal(err)
	}
	calls = 0
	for range 2 {
		r, err = l.Run(t.Context(), "a", []string{"simclr"}, []string{"knn"})
		if err != nil || r.Scores["knn"][0].Value != 0.5 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if calls != 1 {
		t.Errorf("%d commands, want one measurement and nothing twice", calls)
	}
	if err := os.RemoveAll(filepath.Join(l.RunDir("a"), "checkpoints")); err != nil {
		t.Fatal(err)
	}
	if r, err = l.Run(t.Context(), "a", []string{"simclr"}, []string{"knn"}); err != nil || !r.Done {
		t.Errorf("a run whose weights nobody wants any more: %+v, %v", r, err)
	}
	for range 2 { // the second time there is a checkpoint, of a training that was stopped
		if _, err := l.Run(t.Context(), "a", []string{"simclr"}, []string{"knn"}, []string{"linear"}); !errors.Is(err, stop) {
			t.Errorf("a new measurement without weights: %v, want a new training", err)
		}
	}
	if _, err := l.Run(t.Context(), "a", []string{"simclr", "--epochs", "2"}, []string{"knn"}); !errors.Is(err, stop) {
		t.Errorf("other arguments under the same name: %v, want a new training", err)
	}
	if err := os.WriteFile(filepath.Join(l.Dir, "b.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record("b"); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a damaged record: %v", err)
	}
}

func TestHistogramsFindThePairAndNothingElse(t *testing.T) {
	var a, b histogram
	a.add([]float32{0, 0.5, 1, 0, 0.5, 1})
	b.add([]float32{1, 0, 0.5, 1, 0, 0.5})
	for _, h := range []histogram{a, b} {
		sum := 0.0
		for _, v := range h {
			sum += v
		}
		if math.Abs(sum-3) > 1e-12 {
			t.Errorf("the shares of three channels add to %g", sum)
		}
	}
	if d := a.distance(&a); d != 0 {
		t.Errorf("a histogram is %g from itself", d)
	}
	if got := found([][2]histogram{{a, a}, {b, b}}); !slices.Equal(got, []float64{1, 1}) {
		t.Errorf("pairs that are equal are found: %v", got)
	}
	if got := found([][2]histogram{{a, b}, {b, a}}); !slices.Equal(got, []float64{0, 0}) {
		t.Errorf("pairs that are swapped are not found: %v", got)
	}
}

func TestFiguresAreWellFormed(t *testing.T) {
	r := results(map[string][]float64{"a <&> b": {0.5, 0.6, 0.7}, "c": {0.4}}, "a <&> b", "c", "not run")
	figures, err := allMeasures(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	figures = append(figures,
		heat{Title: "h", Rows: []string{"a", "b"}, Columns: []string{"a", "b"}, Cells: [][]float64{{1, math.NaN()}, {3, 4}}}.figure("heat"),
		lines{Title: "l", Log: true, Series: []series{{"a", []point{{0.5, 1}, {1, 2}}}, {"b", nil}}}.figure("lines"),
		lines{Title: "empty"}.figure("empty"),
		grid{Title: "g", Columns: []string{"a"}, Rows: [][][2][]float64{{{{1, 2}, {2, 1}}}}}.figure("grid"))
	for _, f := range figures {
		d := xml.NewDecoder(strings.NewReader(f.SVG))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", f.Name, err)
				break
			}
		}
		if strings.Contains(f.SVG, "NaN") || strings.Contains(f.SVG, "Inf") {
			t.Errorf("%s draws what is no number:\n%s", f.Name, f.SVG)
		}
	}
}

func TestALeadThatIsNoneCannotShrink(t *testing.T) {
	c := batchClaim()
	judged := func(short512 float64) Outcome {
		r := results(map[string][]float64{
			"batch 512, length 0.5": {short512, short512 + 0.001}, "batch 32, length 0.5": {0.451, 0.450},
			"batch 512, length 2": {0.491, 0.492}, "batch 32, length 2": {0.521, 0.521},
		}, "batch 512, length 0.5", "batch 32, length 0.5", "batch 512, length 2", "batch 32, length 2")
		o, err := c.Judge(t.Context(), r)
		if err != nil || len(o) != 1 {
			t.Fatalf("%+v, %v", o, err)
		}
		return o[0]
	}
	if o := judged(0.551); o.Verdict != Held {
		t.Errorf("a lead of 10 points became one of -3: %+v, want %s", o, Held)
	}
	if o := judged(0.438); o.Verdict != NotShown || !strings.Contains(o.Detail, "no lead") {
		t.Errorf("the large batch was behind by 1 point, then by 3: %+v, want %s", o, NotShown)
	}
}

func TestARunThatDivergedIsAResult(t *testing.T) {
	calls := 0
	trial := &Trial{Scale: Scale{Seeds: 3}, Data: "x", Claims: []*Claim{{
		Name: "made up", Measures: []Measure{linearH}, Variants: func(Scale) []Variant { return []Variant{{Name: "wild"}} },
		Tests: []Test{{Says: "it beats itself", More: []string{"wild"}, Less: []string{"wild"}}},
	}}}
	trial.Lab = Lab{Dir: t.TempDir(), Alike: func(context.Context, ...string) ([]byte, error) {
		calls++
		return nil, fmt.Errorf("the run has %w: the loss is NaN", train.ErrDiverged)
	}}
	if err := os.WriteFile(trial.spec(trial.Claims[0]), nil, 0o644); err != nil { // the images, which nobody reads
		t.Fatal(err)
	}
	jobs, err := trial.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	last := &Record{Train: jobs[2].Train, Done: true, Scores: map[string][]eval.Score{"linear --layer h": {{Metric: "linear_accuracy"}}}}
	if err := trial.save(jobs[2].Name, last); err != nil { // the third seed did not diverge
		t.Fatal(err)
	}
	for range 2 {
		ended, err := trial.Run(t.Context(), 0, t.Logf)
		if err != nil || !ended {
			t.Fatalf("ended %t, %v", ended, err)
		}
	}
	if calls != 2 {
		t.Errorf("%d trainings, want two seeds and nothing twice", calls)
	}
	f, err := trial.Findings(t.Context())
	if err != nil || len(f[0].Failed) != 2 || !strings.Contains(f[0].Failed[1], "wild, seed 2") || f[0].Done != 3 || f[0].Outcomes[0].Verdict != NoVerdict {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestTwoShareTheRunsOfATrial(t *testing.T) {
	claim := &Claim{Name: "made up", Variants: func(Scale) []Variant { return []Variant{{Name: "only"}} }}
	dir, began, gate := t.TempDir(), make(chan struct{}, 2), make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // which ends what waits for ever
	defer cancel()
	trial := func() *Trial {
		return &Trial{Scale: Scale{Seeds: 2}, Data: "x", Claims: []*Claim{claim}, Lab: Lab{Dir: dir, Alike: func(ctx context.Context, _ ...string) ([]byte, error) {
			began <- struct{}{}
			select {
			case <-gate:
				return nil, fmt.Errorf("the run has %w", train.ErrDiverged) // which ends it
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}}}
	}
	if err := os.WriteFile(trial().spec(claim), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	type end struct {
		ended bool
		err   error
	}
	ends := make(chan end, 2)
	for range 2 {
		go func() {
			ended, err := trial().Run(ctx, 0, t.Logf)
			ends <- end{ended, err}
		}()
		select {
		case <-began: // each has a run: the second that which the first has not
		case e := <-ends:
			t.Fatal(e)
		}
	}
	if third, err := trial().Run(ctx, 0, t.Logf); third || err != nil {
		t.Errorf("a third, who finds all taken, ended %t, %v", third, err)
	}
	close(gate)
	all := false
	for range 2 {
		e := <-ends
		if all = all || e.ended; e.err != nil {
			t.Error(e.err)
		}
	}
	if !all {
		t.Error("all is done, and neither says so")
	}
	if len(began) != 0 {
		t.Errorf("%d runs were done twice", len(began))
	}
	jobs, err := trial().Jobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if !j.Done {
			t.Errorf("%s is not done", j.Title())
		}
	}
}

func TestATrialKeepsToItsImages(t *testing.T) {
	first := &Trial{Lab: Lab{Dir: t.TempDir()}, Data: "builtin:sprites"}
	for _, tc := range []struct {
		data, labelled, backend, want string
	}{
		{"builtin:sprites", "builtin:sprites?seed=2", "", ""},
		{"builtin:sprites", "", "", ""},
		{"builtin:sprites?seed=3", "", "", "--data"},
		{"builtin:sprites", "builtin:sprites?seed=3", "", "--labelled"},
		{"builtin:sprites", "", "go", "--backend"},
	} {
		t2 := &Trial{Lab: first.Lab, Data: tc.data, Labelled: tc.labelled, Backend: tc.backend}
		if err := t2.Begin(t.Context()); (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestALabMayBeMoved(t *testing.T) {
	here, there := &Lab{Dir: t.TempDir()}, &Lab{Dir: t.TempDir()}
	args := func(l *Lab) []string { return []string{"simclr", "--data", filepath.Join(l.Dir, "images.pack")} }
	if a, b := here.nameOf(args(here)), there.nameOf(args(there)); a != b {
		t.Errorf("the same run is %s here and %s there", a, b)
	}
	if a, b := here.nameOf(args(here)), here.nameOf(args(there)); a == b {
		t.Error("images of another folder have the same name")
	}
}
