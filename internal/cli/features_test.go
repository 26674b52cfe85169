package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/train"
)

// TestTrainFromFeatures embeds images with views, trains a head on them and measures it beside
// the features themselves.
func TestTrainFromFeatures(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	run := trainedRun(t)
	dir := t.TempDir()
	file, head := filepath.Join(dir, "h.npy"), filepath.Join(dir, "head")
	must(t, "embed", run, "--split", "train", "--views", "2", "--out", file)
	must(t, "train", "ice", "--from-features", file, "--epochs", "2", "--batch", "16", "--per-class", "4", "--out", head)
	var table struct {
		Scores []struct {
			Metric  string
			Value   float64
			Subject struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "eval", "retrieval", head, "--nmi=false", "--json")), &table); err != nil {
		t.Fatal(err)
	}
	subjects := map[string]bool{}
	for _, s := range table.Scores {
		subjects[filepath.Base(s.Subject.Name)] = true
	}
	if !subjects["the features"] || !subjects["head"] || subjects["raw pixels"] {
		t.Errorf("measured were %v", subjects)
	}
	again := filepath.Join(dir, "simclr")
	must(t, "train", "simclr", "--data", file, "--epochs", "1", "--batch", "32", "--out", again)
	if r, err := train.Open(again); err != nil || r.Config.Base == nil || r.Config.Base.Model != run {
		t.Errorf("the run of %s is based on %+v, want %s: %v", file, r.Config.Base, run, err)
	}
	if err := os.Remove(filepath.Join(dir, "h.json")); err != nil { // what made the features
		t.Fatal(err)
	}
	unknown := filepath.Join(dir, "unknown")
	must(t, "train", "--config", filepath.Join(again, "config.yaml"), "--out", unknown)
	if r, err := train.Open(unknown); err != nil || r.Config.Base != nil {
		t.Errorf("a run of features that nobody knows the encoder of is based on %+v: %v", r.Config.Base, err)
	}
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"give one of them", []string{"train", "ice", "--from-features", file, "--data", sprites}},
		{"--size is for images", []string{"train", "ice", "--from-features", file, "--size", "64"}},
		{"--from-features FILE sets it", []string{"train", "ice", "--data", sprites, "--encoder", "features"}},
		{"holds features, of which no views", []string{"embed", head, "--views", "1", "--out", filepath.Join(dir, "z.npy")}},
		{"--lr-scale \"layer1\"", []string{"train", "ice", "--data", sprites, "--lr-scale", "layer1"}},
	} {
		code, _, errs := call(t, append(tc.args, "--out", filepath.Join(dir, "no.npy"))...)
		if code == exitDone || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: status %d, %q, want %q", tc.args, code, errs, tc.want)
		}
	}
}
