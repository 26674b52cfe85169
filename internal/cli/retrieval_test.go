package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"alike/eval"
)

// retrieval runs eval retrieval and returns its scores by subject and metric.
func retrieval(t *testing.T, args ...string) map[string]map[string]eval.Score {
	t.Helper()
	var out struct{ Scores []eval.Score }
	if err := json.Unmarshal([]byte(must(t, append([]string{"eval", "retrieval", "--json", "-q"}, args...)...)), &out); err != nil {
		t.Fatal(err)
	}
	by := map[string]map[string]eval.Score{}
	for _, s := range out.Scores {
		name := s.Subject.Name
		if s.Subject.Method != "" && s.Subject.Step == 0 {
			name = "untrained"
		}
		if by[name] == nil {
			by[name] = map[string]eval.Score{}
		}
		by[name][s.Metric] = s
	}
	return by
}

func TestRetrievalOnClassesNotTrainedOn(t *testing.T) {
	dir := trainedRun(t, "--classes", "<=5", "--batch", "16")
	by := retrieval(t, dir, "--data", sprites, "--classes", ">5", "--k", "1,5")
	if len(by) != 3 || len(by["raw pixels"]) != 6 || len(by["untrained"]) != 6 {
		t.Fatalf("subjects and metrics: %v", by)
	}
	for metric, s := range by[dir] {
		p := s.Protocol
		if s.Value < s.CI95[0] || s.Value > s.CI95[1] || p.Classes != 5 || p.Queries.Classes != ">5" || p.Queries.Split != "test" ||
			p.LeaveOneOut != (metric != "nmi_arithmetic") || s.Subject.Classes != "<=5" || !strings.Contains(strings.Join(s.Notes, "; "), "trained on images of 0 of these 5 classes") {
			t.Errorf("%s: %+v", metric, s)
		}
		if diff := eval.Compare(p, by["untrained"][metric].Protocol); len(diff) > 0 {
			t.Errorf("%s of the untrained network has another protocol: %v", metric, diff)
		}
	}
	if s := by[dir]["recall@5"]; s.Value < by[dir]["recall@1"].Value {
		t.Errorf("recall at 5 is %g, at 1 %g", s.Value, by[dir]["recall@1"].Value)
	}
	scores, err := eval.Scores(filepath.Join(dir, "scores.jsonl"))
	if err != nil || len(scores) != 18 || scores[17].Subject.Name != dir {
		t.Errorf("%d scores are saved, the run's last: %v", len(scores), err)
	}
	other := retrieval(t, dir, "--data", sprites, "--classes", "not <=5", "--references=false", "--nmi=false")
	same := other[dir]["recall@1"]
	if same.Protocol.Queries.SHA256 != by[dir]["recall@1"].Protocol.Queries.SHA256 || same.Value != by[dir]["recall@1"].Value {
		t.Error("the same classes by another rule give another hash or score")
	}
	if len(other) != 1 || len(other[dir]) != 9 {
		t.Errorf("without references and NMI: %v", other)
	}
	if code, _, errs := call(t, "resume", dir, "--classes", ">5"); code != exitMisuse || !strings.Contains(errs, "goes on with the classes that it began with") {
		t.Errorf("status %d, %s", code, errs)
	}
	must(t, "resume", dir, "-q")
}

func TestRetrievalPrintsATable(t *testing.T) {
	dir := trainedRun(t)
	out := must(t, "eval", "retrieval", dir, "--data", sprites, "--gallery", "train", "--k", "1", "--cmc", "12", "--per-class", "-q")
	for _, want := range []string{"cmc_area@12", "CMC, % by rank: 1: ", " 10: ", " 12: ", "class ", "triangle ", "raw pixels", "untrained", dir + ", step 10", "recall@1", "r_precision", "map@r", "nmi_arithmetic", "against 300 of train", "10 of these 10 classes"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestClusterMeasuresWhatRetrievalDoes(t *testing.T) {
	dir := trainedRun(t)
	text := must(t, "eval", "cluster", dir, "--data", sprites, "--restarts", "2", "--references=false")
	for _, want := range []string{"nmi_arithmetic", "nmi_geometric", "ami", "ari", "purity", "in 10 clusters"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	must(t, "eval", "retrieval", dir, "--data", sprites, "--restarts", "2", "--references=false")
	scores, err := eval.Scores(filepath.Join(dir, "scores.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first, last := scores[0], scores[len(scores)-1]
	if !alikeMeasured(first, last) || first.Value != last.Value {
		t.Errorf("NMI of cluster is %+v, of retrieval %+v", first, last)
	}
}

func TestVerification(t *testing.T) {
	dir := trainedRun(t)
	text := must(t, "eval", "verification", dir, "--data", sprites, "--far", "0.1,0.01")
	for _, want := range []string{"raw pixels", "untrained", "auc", "eer", "tar@far=0.1", "tar@far=0.01", "all pairs"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
