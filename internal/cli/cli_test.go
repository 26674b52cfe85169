package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"alike/loss"
	"alike/loss/losstest"
)

// call runs a command line.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// must runs a command line that has to succeed, and returns its standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := call(t, args...)
	if code != exitDone {
		t.Fatalf("alike %s: status %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

const sprites = "builtin:sprites?n=300&seed=1"

// trainedRun is a small run.
func trainedRun(t *testing.T, extra ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	must(t, append([]string{"train", "simclr", "--data", sprites, "--encoder", "resnet8", "--batch", "32", "--epochs", "1", "--out", dir, "-q"}, extra...)...)
	return dir
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && !c.HasSubCommands() && c.Name() != "help" && !strings.HasPrefix(c.CommandPath(), "alike completion") {
			if c.Short == "" || c.Example == "" {
				t.Errorf("%s lacks a description or an example", c.CommandPath())
			}
			args := append(strings.Fields(c.CommandPath())[1:], "--help")
			if out := must(t, args...); !strings.Contains(out, c.Example) {
				t.Errorf("%s --help does not show its example", c.CommandPath())
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{stdout: os.Stdout, stderr: os.Stderr}).root())
}

func TestMisuseIsOneSentence(t *testing.T) {
	text := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(text, "a.jpg"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"trian", exitMisuse, `unknown command "trian" for "alike"; did you mean train`},
		{"train", exitMisuse, "needs a method (simclr) or --config"},
		{"train simclr", exitMisuse, "--data is needed"},
		{"train simclr --epochz 3", exitMisuse, "unknown flag: --epochz"},
		{"train moco --data " + sprites, exitMisuse, `unknown method "moco"; have simclr`},
		{"train simclr --encoder resnet9 --out /nowhere/x --data " + sprites, exitFailed, `unknown encoder "resnet9"; have resnet101`},
		{"train simclr --batch 4096 --data " + sprites, exitFailed, "has only 300 to train on; try --batch 256"},
		{"train simclr --set loss.temprature=1 --data " + sprites, exitFailed, `loss "ntxent": line 3: there is no key temprature`},
		{"train simclr --set colour=1 --data " + sprites, exitMisuse, "there is no key colour"},
		{"train simclr --data " + text, exitFailed, "a.jpg: not a JPEG or PNG image"},
		{"eval", exitMisuse, "needs one of its commands"},
		{"eval knn", exitMisuse, "needs a RUN"},
		{"eval knn nothing --data " + sprites, exitFailed, "nothing is not a run"},
		{"eval knn nothing --k 0 --data " + sprites, exitMisuse, "k"},
		{"eval retrieval nothing --data " + sprites, exitFailed, "nothing is not a run"},
		{"eval retrieval nothing --k 4,2 --data " + sprites, exitMisuse, "ranks must rise"},
		{"eval retrieval nothing --nmi-norm max --data " + sprites, exitMisuse, "must be arithmetic or geometric"},
		{"data info " + sprites + " --classes robin", exitFailed, `there is no class "robin"`},
		{"train simclr --classes >10 --data " + sprites, exitFailed, "that is none of its 10 classes"},
		{"embed nothing --out x.txt", exitMisuse, "want a file that ends in .npy"},
		{"search nothing", exitMisuse, "--query is needed"},
		{"search nothing --query a.png --out x.jpg", exitMisuse, "want a file that ends in .png"},
		{"train simclr --max-minutes -1 --data " + sprites, exitMisuse, "--max-minutes -1: must be > 0"},
		{"train simclr --keep 0 --data " + sprites, exitMisuse, "--keep 0: must be at least 1"},
		{"train simclr --views crop(2) --data " + sprites, exitMisuse, "--views: views: crop: area [2 1]: want"},
		{"train simclr --views flip --data " + sprites, exitMisuse, "flip comes first: want crop or resize"},
		{"train simclr --set views=swirl --data " + sprites, exitMisuse, `unknown augmentation "swirl"`},
		{"train simclr --set views.blur.q=1 --data " + sprites, exitMisuse, "there is no key q"},
		{"train simclr --set views.sobel.p=1 --data " + sprites, exitMisuse, `the configuration has no "sobel"`},
		{"train simclr --set views.blur=1 --data " + sprites, exitMisuse, "views is a list: want a key of one of its parts"},
		{"data info " + sprites + " --views -1", exitMisuse, "--views -1: must be at least 0"},
		{"data info " + sprites + " --views crop,flip", exitMisuse, `unknown augmentation "crop,flip"`},
		{"bench augment --steps gray", exitMisuse, "gray comes first"},
		{"resume nothing --steps -4", exitMisuse, "--steps -4: must be at least 1"},
		{"list nets", exitMisuse, `no "nets" to list; have augmentations`},
		{"compare a", exitMisuse, "at least two runs"},
		{"verify nothing.json", exitFailed, "nothing.json"},
		{"verify nothing.json --losses", exitMisuse, "a FILE or --losses, not both"},
		{"train simclr --loss arcface --data " + sprites, exitFailed, "loss arcface: learns from labels"},
		{"bench step --backend abacus", exitMisuse, `unknown backend "abacus"`},
		{"data info nothing", exitFailed, "no such file"},
		{"data info builtin:cats", exitFailed, "have sprites"},
	} {
		code, out, errs := call(t, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(errs, tc.want) || out != "" {
			t.Errorf("alike %s: status %d, want %d; %q, want %q; standard output %q", tc.args, code, tc.code, errs, tc.want, out)
		}
		if n := strings.Count(strings.TrimSpace(errs[strings.Index(errs, "alike: "):]), "\n"); n > 0 && !strings.Contains(errs, "skipped") {
			t.Errorf("alike %s: the error has %d lines: %s", tc.args, n+1, errs)
		}
	}
}

func TestFromTrainingToSearch(t *testing.T) {
	dir := trainedRun(t)
	var score struct {
		Metric   string
		Value    float64
		CI95     [2]float64
		Subject  map[string]any
		Protocol map[string]any
	}
	for _, metric := range []string{"knn", "linear"} {
		out := must(t, "eval", metric, dir, "--data", sprites, "--json", "-q")
		if err := json.Unmarshal([]byte(out), &score); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if score.Metric != metric+"_accuracy" || score.Value < score.CI95[0] || score.Value > score.CI95[1] || score.Subject["weights_sha256"] == "" || score.Protocol["layer"] != "h" {
			t.Errorf("score %+v", score)
		}
	}
	var info struct {
		Step   int    `json:"step"`
		SHA256 string `json:"weights_sha256"`
		Config map[string]any
	}
	if err := json.Unmarshal([]byte(must(t, "info", dir, "--json")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Step != 10 || len(info.SHA256) != 64 || info.Config["batch"] != 32.0 { // 300 / 32 and one
		t.Errorf("info %+v", info)
	}
	npy := filepath.Join(t.TempDir(), "e.npy")
	must(t, "embed", dir, "--data", sprites, "--split", "test", "--out", npy, "--normalize", "-q")
	if b, err := os.ReadFile(npy); err != nil || !bytes.HasPrefix(b, []byte("\x93NUMPY")) || !bytes.Contains(b[:128], []byte("(60, 64)")) {
		t.Errorf("the array is not [60, 64]: %v", err)
	}
	png := filepath.Join(t.TempDir(), "hits.png")
	out := must(t, "search", dir, "--data", sprites, "--query", "test/star/00005", "--k", "3", "--out", png, "-q")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 4 || !strings.Contains(lines[1], "1.0000") || !strings.Contains(lines[1], "test/star/00005") {
		t.Errorf("search found\n%s", out)
	}
	if b, err := os.ReadFile(png); err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("Nearest neighbours")) {
		t.Errorf("no report: %v", err)
	}
	must(t, "report", dir, "-q")
}

func TestConfigFileRepeatsTheRun(t *testing.T) {
	first := trainedRun(t, "--seed", "7", "--set", "loss.temperature=0.2")
	again := filepath.Join(t.TempDir(), "again")
	must(t, "train", "--config", filepath.Join(first, "config.yaml"), "--out", again, "-q")
	hash := func(dir string) (s struct {
		SHA256 string `json:"weights_sha256"`
	}) {
		if err := json.Unmarshal([]byte(must(t, "info", dir, "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if hash(first) != hash(again) {
		t.Error("the weights differ")
	}
}

func TestResumeGoesOn(t *testing.T) {
	dir := trainedRun(t, "--steps", "4")
	must(t, "resume", dir, "-q")
	if out := must(t, "info", dir); !strings.Contains(out, "step 10 of 10") {
		t.Errorf("info says %s", out)
	}
}

func TestCompareRefusesUnlikeProtocols(t *testing.T) {
	a, b := trainedRun(t), trainedRun(t, "--seed", "2")
	must(t, "eval", "knn", a, "--data", sprites, "-q")
	must(t, "eval", "knn", b, "--data", sprites, "-q")
	if out := must(t, "compare", a, b); !strings.Contains(out, "knn_accuracy") {
		t.Errorf("compare prints %s", out)
	}
	must(t, "eval", "knn", b, "--data", sprites, "--k", "5", "-q")
	if code, _, errs := call(t, "compare", a, b); code != exitFailed || !strings.Contains(errs, "k") {
		t.Errorf("status %d, %s", code, errs)
	}
}

func TestVerifyTheCarriedValues(t *testing.T) {
	var r struct{ Passed, Failed, Skipped int }
	if err := json.Unmarshal([]byte(must(t, "verify", "--json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Failed != 0 || r.Passed < 30 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyLosses(t *testing.T) {
	var r struct {
		Passed, Failed int
		Losses         []struct {
			Name   string
			Checks int
		}
	}
	if err := json.Unmarshal([]byte(must(t, "verify", "--losses", "--json", "--backend", "go")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Failed != 0 || r.Passed != len(loss.Losses.Names()) || len(r.Losses) != r.Passed || r.Losses[0].Checks < 100 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyLossesPrintsOneLineEach(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out}
	a.printLosses([]losstest.Report{{Name: "good", Checks: 12}, {Name: "bad", Checks: 3, Failures: []string{"zeros: loss NaN"}}})
	want := "pass  good                  12 checks\nFAIL  bad                    3 checks, 1 failed\n      zeros: loss NaN\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
