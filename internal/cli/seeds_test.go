package cli

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"alike/eval"
)

func TestSeedsAreRunsOfTheirOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	code, out, errs := call(t, "train", "ice", "--data", "builtin:sprites?n=120", "--encoder", "resnet8", "--epochs", "0.5", "--seed", "4", "--seeds", "2", "--batch", "12", "--out", dir)
	runs := []string{filepath.Join(dir, "seed-4"), filepath.Join(dir, "seed-5")}
	if code != 0 || out != strings.Join(runs, "\n")+"\n" {
		t.Fatalf("status %d, printed %q: %s", code, out, errs)
	}
	if !strings.Contains(errs, "knn_accuracy of the monitor: ") || !strings.Contains(errs, "the mean of 2 seeds (95 % interval") {
		t.Errorf("said %s", errs)
	}
	if !strings.Contains(errs, "classes x 3 images a batch") {
		t.Errorf("what is drawn was not said: %s", errs)
	}
	values := 0.0
	for _, run := range runs {
		var s struct{ Value float64 }
		if err := json.Unmarshal([]byte(must(t, "eval", "knn", run, "--json", "-q")), &s); err != nil {
			t.Fatal(err)
		}
		values += s.Value
	}
	var compared struct{ Means []seedMean }
	if err := json.Unmarshal([]byte(must(t, "compare", "--json", runs[0], runs[1])), &compared); err != nil {
		t.Fatal(err)
	}
	if m := compared.Means; len(m) != 1 || m[0].Metric != "knn_accuracy" || m[0].Seeds != 2 || math.Abs(m[0].Value-values/2) > 1e-9 {
		t.Errorf("means %v, want %g", m, values/2)
	}
	if out := must(t, "compare", runs[0], runs[1]); !strings.Contains(out, "the mean of 2 seeds") {
		t.Errorf("compare prints %s", out)
	}
}

func TestParametersOfAMethodCanBeSet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, "train", "moco", "--data", "builtin:sprites?n=64", "--encoder", "resnet8", "--epochs", "0", "--batch", "16", "--set", "method.queue=20", "--out", dir, "-q")
	if out := must(t, "info", dir, "--json"); !strings.Contains(out, `"queue": 20`) || !strings.Contains(out, `"momentum": 0.99`) {
		t.Errorf("info prints %s", out)
	}
	for setting, want := range map[string]string{
		"method.name=byol":  "method is decided by",
		"method=byol":       "method is decided by",
		"method.queue=0":    "queue 0: must be at least 1",
		"method.tail=1":     "there is no key",
		"loss=ntxent":       "method moco has a loss of its own",
		"chunk=8":           "cannot be cut into chunks",
		"loss.name=triplet": "method moco has a loss of its own",
	} {
		code, _, errs := call(t, "train", "moco", "--data", "builtin:sprites?n=64", "--encoder", "resnet8", "--batch", "16", "--dry-run", "--set", setting)
		if code != exitMisuse || !strings.Contains(errs, want) {
			t.Errorf("--set %s: status %d, %s; want %q", setting, code, errs, want)
		}
	}
}

func TestCompareSaysWhatItLeavesOut(t *testing.T) {
	score := func(metric, bank string, step int) eval.Score {
		return eval.Score{Metric: metric, Subject: eval.Subject{Step: step}, Protocol: eval.Protocol{Bank: eval.Set{SHA256: bank, Data: bank}}}
	}
	runs := []string{"a", "b"}
	table, unlike, err := comparable(runs, [][]eval.Score{
		{score("knn_accuracy", "x", 10), score("recall@1", "x", 10)},
		{score("knn_accuracy", "x", 10), score("recall@1", "y", 10)},
	})
	if err != nil || len(table) != 2 || len(unlike) != 1 || !strings.Contains(unlike[0], "recall@1 of a and b were not measured alike: data: x") {
		t.Errorf("table %v, unlike %q, error %v", table, unlike, err)
	}
	if means := seedMeans(table, 2); len(means) != 1 {
		t.Errorf("%d means of two seeds, want 1", len(means))
	}
	table[1].Subject.Step = 5
	if means := seedMeans(table, 2); len(means) != 0 {
		t.Errorf("a mean over networks of steps 10 and 5: %v", means)
	}
}
