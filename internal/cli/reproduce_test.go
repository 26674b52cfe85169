package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReproduceGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page", "claims.md")
	if err := os.Mkdir(filepath.Dir(page), 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"reproduce", "head", "--data", "builtin:sprites?n=600&seed=1", "--images", "400", "--epochs", "1", "--size", "8", "--seeds", "1", "--out", filepath.Join(dir, "runs"), "--page", page}
	if out := must(t, append(args, "--only", "n*", "-q")...); !strings.Contains(out, "2 of 3 runs") {
		t.Errorf("two of three variants are named n*:\n%s", out)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"alike reproduce head", "**Not finished**", "**not run yet**: a linear head beats none", "| nonlinear |", "](claims/head-runs.svg)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "page", "claims", "head-runs.svg")); err != nil {
		t.Error(err)
	}
	if out := must(t, append(args, "--dry-run")...); !strings.Contains(strings.Join(strings.Fields(out), " "), "head 3 2 ") {
		t.Errorf("the plan does not say that two of three are done:\n%s", out)
	}
	_, out, errs := call(t, args...)
	if strings.Count(errs, "about") != 1 || !strings.Contains(errs, "head: linear, seed 1") {
		t.Errorf("only the linear head was left:\n%s", errs)
	}
	if !strings.Contains(out, "3 of 3 runs") {
		t.Errorf("all are done:\n%s", out)
	}
	if text, err := os.ReadFile(page); err != nil || strings.Contains(string(text), "**Not finished**") {
		t.Errorf("the page of all runs: %v\n%s", err, text)
	}
}

func TestReproduceMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"reproduce":                          "needs list, all or names",
		"reproduce headd":                    `no claim "headd"; have control, composition`,
		"reproduce head":                     "--data is needed",
		"reproduce head --data x --scale x":  "want one of cpu, gpu, paper",
		"reproduce head --data x --seeds -1": "must be above 0",
	} {
		if code, _, errs := call(t, strings.Fields(args)...); code != exitMisuse || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q, want %q", args, code, errs, want)
		}
	}
}

func TestEvalTransformTellsWhatWasDone(t *testing.T) {
	run := trainedRun(t, "--size", "16")
	out := must(t, "eval", "transform", run, "--of", "sobel", "--json", "-q")
	if !strings.Contains(out, `"transform_accuracy"`) || !strings.Contains(out, "what was done to the image: sobel") {
		t.Errorf("the score does not say what it is:\n%s", out)
	}
	if code, _, errs := call(t, "eval", "transform", run); code != exitMisuse || !strings.Contains(errs, "--of is needed") {
		t.Errorf("status %d: %s", code, errs)
	}
	if code, _, errs := call(t, "eval", "transform", run, "--of", "nothing"); code != exitFailed || !strings.Contains(errs, "have gray, noise, rotate, sobel") {
		t.Errorf("status %d: %s", code, errs)
	}
}
