package cli

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/eval"
)

// TestScoresDoNotDependOnTheMemory measures with all embeddings in files, which the least limit leads to.
func TestScoresDoNotDependOnTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	for _, metric := range []string{"knn", "linear", "retrieval", "cluster", "verification"} {
		t.Run(metric, func(t *testing.T) {
			args := []string{"eval", metric, dir, "--json", "-q"}
			measured := func(args ...string) any {
				var out any
				if err := json.Unmarshal([]byte(must(t, args...)), &out); err != nil {
					t.Fatal(err)
				}
				return out
			}
			want := measured(args...)
			before, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, measured(append(args, "--max-memory", "384MiB")...)); d != "" {
				t.Errorf("(-heap +files):\n%s", d)
			}
			if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
				t.Errorf("%d files are there, %d were before; error %v", len(after), len(before), err)
			}
		})
	}
}

func TestEmbeddingsBeyondTheLimitLieInFiles(t *testing.T) {
	m := memory{limit: measuringBytes + 4000, dir: t.TempDir()}
	for i, wantMapped := range []int{0, 0, 1, 2} {
		x, err := m.room(500)
		if err != nil || len(x) != 500 || len(m.mapped) != wantMapped {
			t.Fatalf("embeddings %d: %d values, %d in files, error %v", i, len(x), len(m.mapped), err)
		}
	}
	if err := m.release(); err != nil || m.used != 0 || m.mapped != nil {
		t.Errorf("%+v, error %v", m, err)
	}
	m.dir = "/nowhere"
	if _, err := m.room(10_000); err == nil {
		t.Error("embeddings lie in a folder that is not there")
	}
	for _, bad := range []string{"1", "100MB", "plenty", "-2GB"} {
		code, _, errs := call(t, "eval", "knn", "run", "--max-memory", bad)
		if code != exitMisuse || !strings.Contains(errs, "want bytes such as 2GiB, at least 384 MiB") {
			t.Errorf("%s: status %d, %q", bad, code, errs)
		}
	}
}

func TestBenchEval(t *testing.T) {
	var out struct {
		Images        int
		FeaturesBytes int `json:"features_bytes"`
		Metrics       []measured
	}
	text := must(t, "bench", "eval", "--images", "200", "--dim", "8", "--classes", "4", "--restarts", "1", "--max-iterations", "5", "--json", "-q")
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.Images != 200 || out.FeaturesBytes != 6400 || len(out.Metrics) != len(benchMetrics) {
		t.Fatalf("%s\nerror %v", text, err)
	}
	f, err := evalBench{Images: 200, Dim: 8, Classes: 4, room: new(memory).room}.features()
	if err != nil {
		t.Fatal(err)
	}
	want, err := eval.DefaultKNN().Score(t.Context(), f, f)
	if err != nil || out.Metrics[0].Values["knn_accuracy"] != want.Value || !(want.Value > 0.3 && want.Value < 1) {
		t.Errorf("%+v, want a kNN accuracy of %g; error %v", out.Metrics[0], want.Value, err)
	}
	if out := must(t, "bench", "eval", "--images", "100", "--dim", "4", "--classes", "2", "--metrics", "knn,verification", "-q"); strings.Count(out, "\n") != 3 || !strings.Contains(out, "verification") {
		t.Error(out)
	}
	for _, bad := range [][]string{{"--images", "1"}, {"--classes", "1"}, {"--metrics", "beauty"}, {"--images", "30", "--classes", "20"}} {
		if code, _, errs := call(t, append([]string{"bench", "eval"}, bad...)...); code != exitMisuse {
			t.Errorf("%v: status %d, %q", bad, code, errs)
		}
	}
}
