package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"alike/dataset"
	"alike/eval"
)

func TestFinetuneOnSharesOfTheLabels(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	args := []string{"eval", "finetune", dir, "--labels", "10%,1", "--epochs", "2", "--batch", "16", "--json", "-q"}
	var out struct{ Scores []eval.Score }
	if err := json.Unmarshal([]byte(must(t, args...)), &out); err != nil || len(out.Scores) != 2 {
		t.Fatalf("%d scores: %v", len(out.Scores), err)
	}
	some, all := out.Scores[0].Protocol, out.Scores[1].Protocol
	if some.Labels != 0.1 || some.Bank.Images != 30 || all.Labels != 1 || all.Bank.Images != 300 || some.Bank.SHA256 == all.Bank.SHA256 {
		t.Errorf("protocols %+v and %+v", some, all)
	}
	for _, s := range out.Scores {
		if s.Metric != "finetune_accuracy" || s.CI95 == nil || s.Protocol.Epochs != 2 || s.Protocol.LR != 0.05 || s.Protocol.Queries.Images != 60 || s.Subject.Data != sprites {
			t.Errorf("score %+v", s)
		}
	}
	if again := must(t, args...); !strings.Contains(again, `"finetune_accuracy"`) {
		t.Error(again)
	}
	scores, err := eval.Scores(filepath.Join(dir, "scores.jsonl"))
	if err != nil || len(scores) != 4 || scores[0].Value != scores[2].Value || scores[1].Value != scores[3].Value {
		t.Errorf("the same fine-tuning twice gives %+v, error %v", scores, err)
	}
}

func TestFinetuneWithoutLeakedImages(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	args := []string{"eval", "finetune", dir, "--labels", "10%", "--epochs", "1", "--batch", "16", "--json", "-q"}
	var all, some eval.Score
	if err := json.Unmarshal([]byte(must(t, args...)), &all); err != nil {
		t.Fatal(err)
	}
	outcomes, err := eval.ReadOutcomes(filepath.Join(dir, "scores.jsonl"), all)
	if err != nil {
		t.Fatal(err)
	}
	source, err := dataset.Open(t.Context(), sprites, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	test, err := source.Split("test")
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "leaked.txt")
	if err := os.WriteFile(list, []byte(test.ID(2)+"\n"+test.ID(41)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(must(t, append(args, "--exclude", list, "--per-class")...)), &some); err != nil {
		t.Fatal(err)
	}
	right := 0.0
	for i, o := range outcomes {
		if i != 2 && i != 41 {
			right += o
		}
	}
	if want := right / 58; some.Value != want || some.Protocol.Queries.Images != 58 || some.Protocol.Queries.Excluded != 2 || some.Protocol.Queries.SHA256 == all.Protocol.Queries.SHA256 {
		t.Errorf("without two images %g, want %g; protocol %+v", some.Value, want, some.Protocol.Queries)
	}
	queries := 0
	for _, c := range some.PerClass {
		queries += c.Queries
	}
	if notes := strings.Join(some.Notes, " "); queries != 58 || !strings.Contains(notes, "2 of 60 images are left out") || !strings.Contains(notes, "with them finetune_accuracy is") {
		t.Errorf("%d queries by class, notes %q", queries, some.Notes)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "finetune", "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind are %q, error %v", left, err)
	}
}

func TestLinearBySGD(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	var s eval.Score
	if err := json.Unmarshal([]byte(must(t, "eval", "linear", dir, "--sgd", "--epochs", "5", "--batch", "64", "--seed", "3", "--json", "-q")), &s); err != nil {
		t.Fatal(err)
	}
	p := s.Protocol
	if s.Metric != "linear_accuracy" || p.Batch != 64 || p.Seed != 3 || p.LR != 0.1 || p.Bank.Images != 300 {
		t.Errorf("score %+v", s)
	}
	must(t, "eval", "linear", dir, "-q")
	other := trainedRun(t, "--seed", "2")
	must(t, "eval", "linear", other, "-q")
	if out := must(t, "compare", dir, other); strings.Count(out, "linear_accuracy ") != 2 {
		t.Errorf("compare takes a probe by SGD for one by L-BFGS:\n%s", out)
	}
}

func TestTransferIsSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	const other = "builtin:sprites?n=200&seed=5"
	out := must(t, "eval", "linear", dir, "--data", other, "--per-class", "-q")
	if !strings.Contains(out, "transfer: the network was trained on "+sprites) || !strings.Contains(out, "class ") || !strings.Contains(out, "star ") {
		t.Errorf("it says\n%s", out)
	}
	scores, err := eval.Scores(filepath.Join(dir, "scores.jsonl"))
	if err != nil || scores[0].Protocol.Bank.Data != other || scores[0].Subject.Data != sprites || len(scores[0].PerClass) != 10 {
		t.Errorf("scores %+v, error %v", scores, err)
	}
	if out := must(t, "eval", "knn", dir, "-q"); strings.Contains(out, "transfer") {
		t.Errorf("on its own data it says\n%s", out)
	}
}

func TestParseShares(t *testing.T) {
	got, err := parseShares([]string{"1%", " 10 %", "0.5", "100%", "1"})
	if err != nil || !slices.Equal(got, []float64{0.01, 0.1, 0.5, 1, 1}) {
		t.Errorf("shares %g, error %v", got, err)
	}
	for _, bad := range []string{"0", "-1%", "101%", "2", "many", "NaN", ""} {
		if _, err := parseShares([]string{bad}); err == nil {
			t.Errorf("%q is a share", bad)
		}
	}
}

func TestWhatIsLearnedFromIsNotMeasured(t *testing.T) {
	dir := trainedRun(t)
	for _, args := range [][]string{
		{"eval", "finetune", dir, "--split", "train"}, // a tenth of the labels, the default
		{"eval", "finetune", dir, "--split", "train", "--labels", "100%"},
		{"eval", "linear", dir, "--split", "train", "--sgd"},
		{"eval", "transform", dir, "--split", "train", "--of", "rotate"},
	} {
		if code, _, said := call(t, args...); code != exitFailed || !strings.Contains(said, "those that are learned from and those that are measured") {
			t.Errorf("%q: exit %d, %s", args, code, said)
		}
	}
}
