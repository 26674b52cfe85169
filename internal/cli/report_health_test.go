package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"alike/report"
	"alike/train"
)

// The doctor never looked at this run, but its end is one that it knows.
func TestARunThatDivergedIsToldOfByItsSteps(t *testing.T) {
	c, err := train.Default("simclr", 28)
	if err != nil {
		t.Fatal(err)
	}
	run := &train.Run{Dir: t.TempDir(), Config: c}
	lines := `{"step":1,"epoch":0.5,"loss":5,"lr":1,"images_per_s":90,"seconds":1}
{"step":2,"epoch":1,"loss":4.5,"lr":1,"images_per_s":110,"seconds":2}
{"step":2,"epoch":1,"lr":1,"seconds":3,"diverged":"NaN"}
`
	if err := os.WriteFile(filepath.Join(run.Dir, "metrics.jsonl"), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := addHealth(&r, run); err != nil {
		t.Fatal(err)
	}
	if len(r.Verdict) != 1 || !strings.Contains(r.Verdict[0], "the loss is NaN after step 2") {
		t.Errorf("the report says %q", r.Verdict)
	}
	if want := []report.Fact{{Name: "rows a second", Value: "100"}}; !slices.Equal(r.Facts, want) {
		t.Errorf("the report has the facts %v, want %v", r.Facts, want)
	}
	var out bytes.Buffer
	if err := (&app{stdout: &out}).printProgress(run, 2); err != nil || out.String() != "  loss 4.5000 at step 2\n" {
		t.Errorf("info prints %q, %v", out.String(), err)
	}
}

func TestTheReportCountsTheViews(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, "train", "simclr", "--data", "builtin:sprites?n=64", "--encoder", "resnet8", "--epochs", "0", "--batch", "16", "--set", "method.views=4", "--out", dir, "-q")
	run, err := train.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := addFacts(&r, run); err != nil || !slices.Contains(r.Facts, report.Fact{Name: "images seen", Value: "0 (views of each: 4)"}) {
		t.Errorf("%v, %v", r.Facts, err)
	}
}
