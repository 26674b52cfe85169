package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"alike/loss"
	"alike/loss/losstest"
	"alike/train"
	"alike/train/doctor"
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
		{"train", exitMisuse, "needs a method (barlow, byol, ice, instdisc, isif, metric, moco, nnclr, simclr, simsiam, vicreg, xbm) or --config"},
		{"train simclr", exitMisuse, "--data is needed"},
		{"train simclr --epochz 3", exitMisuse, "unknown flag: --epochz"},
		{"train dino --data " + sprites, exitMisuse, `unknown method "dino"; have barlow, byol`},
		{"help nonsense", exitMisuse, `unknown command "nonsense" for "alike"; 'alike --help'`},
		{"help train x", exitMisuse, `unknown command "x" for "alike train"`},
		{"traim --help", exitMisuse, `unknown command "traim" for "alike"; did you mean train?`},
		{"eval knm --help", exitMisuse, `unknown command "knm" for "alike eval"; did you mean knn?`},
		{"train simclr --batch many", exitMisuse, `--batch "many": want a whole number; see`},
		{"train simclr --batch 0 --data " + sprites, exitMisuse, "batch 0: must be at least 2 images\n"},
		{"train simclr --batch 0 --set loss.temperature=0.2 --data " + sprites, exitMisuse, "alike: batch 0: must be at least 2 images\n"},
		{"train simclr --epochs inf --data " + sprites, exitMisuse, "epochs +Inf: must be 0 to 1e9\n"},
		{"train simclr --set data=x --data " + sprites, exitMisuse, "--set data=x: data is decided by --data"},
		{"train simclr --set split=x --data " + sprites, exitMisuse, "--set split=x: split is decided by what --data holds"},
		{"train simclr --set size=64 --data " + sprites, exitMisuse, "--set size=64: size is decided by --size"},
		{"train simclr --set loss.temperature=warm --data " + sprites, exitMisuse, `loss.temperature is "warm", want a number`},
		{"train simclr --set loss.temperature= --data " + sprites, exitMisuse, "it has no value"},
		{"train simclr --encoder resnet9 --out /nowhere/x --data " + sprites, exitMisuse, `unknown encoder "resnet9"; have features, googlenet, inception_bn, resnet101`},
		{"train simclr --batch 4096 --data " + sprites, exitFailed, "has only 300 to train on; try --batch 256"},
		{"train simclr --set loss.temprature=1 --data " + sprites, exitMisuse, "--set loss.temprature=1: there is no key loss.temprature; did you mean temperature?"},
		{"train simclr --set colour=1 --data " + sprites, exitMisuse, "there is no key colour"},
		{"train simclr --data " + text, exitFailed, "a.jpg: not an image: it begins with"},
		{"eval", exitMisuse, "needs one of its commands"},
		{"eval knn", exitMisuse, "needs a RUN"},
		{"eval knn nothing --data " + sprites, exitFailed, "nothing is not a run"},
		{"eval knn nothing --k 0 --data " + sprites, exitMisuse, "k"},
		{"eval finetune nothing --labels 0% --data " + sprites, exitMisuse, "want a share above 0 and at most all"},
		{"eval finetune nothing --lr -1 --data " + sprites, exitMisuse, "lr -1"},
		{"eval linear nothing --sgd --batch 0 --data " + sprites, exitMisuse, "batch 0: must be at least 1 image"},
		{"eval retrieval nothing --data " + sprites, exitFailed, "nothing is not a run"},
		{"eval retrieval nothing --k 4,2 --data " + sprites, exitMisuse, "ranks must rise"},
		{"eval retrieval nothing --nmi-norm max --data " + sprites, exitMisuse, "must be arithmetic or geometric"},
		{"data info " + sprites + " --classes robin", exitFailed, `there is no class "robin"`},
		{"train simclr --classes >10 --data " + sprites, exitFailed, "that is none of its 10 classes"},
		{"embed nothing", exitMisuse, "--out is needed"},
		{"embed nothing --out x.txt", exitMisuse, "want a name that ends in .index, .npy, .parquet"},
		{"embed nothing --out x.npy --shard 3/2", exitMisuse, "the parts are 1/2 to 2/2"},
		{"search nothing --query a.png", exitFailed, "nothing is neither an index nor a run"},
		{"search nothing --query a.png --recall 2", exitMisuse, "--recall 2: must be above 0"},
		{"index merge nothing", exitMisuse, "needs at least two indexes"},
		{"index merge nothing nowhere", exitMisuse, "--out is needed"},
		{"index merge nothing nowhere --out x", exitFailed, "nothing is no index"},
		{"index build nothing --m 1", exitMisuse, "m 1: must be 2 to 128"},
		{"index quantize nothing --out x --to int4", exitMisuse, "--to \"int4\": must be int8 or binary"},
		{"index build nothing", exitFailed, "nothing is no index"},
		{"search nothing --query a.png --path [", exitMisuse, "--path: pattern \"[\""},
		{"export nothing", exitMisuse, "--out is needed"},
		{"export nothing --out x.pb", exitMisuse, "--out: x.pb: want a file that ends in .onnx"},
		{"export nothing --out x.onnx", exitFailed, "nothing is not a run"},
		{"export nothing --out x.onnx --input png", exitMisuse, `--input "png": must be float or uint8`},
		{"export nothing --out x.onnx --dtype bf16", exitMisuse, `--dtype "bf16": must be fp32 or fp16`},
		{"export nothing --out x.onnx --check-images 0", exitMisuse, "--check-images 0: must be at least 1"},
		{"export nothing --out x.safetensors --check", exitMisuse, "--check runs networks"},
		{"export nothing --out x.safetensors --normalize", exitMisuse, "holds weights, which take no images"},
		{"search nothing", exitMisuse, "--query is needed"},
		{"serve", exitMisuse, "needs an INDEX or a RUN"},
		{"serve nothing --addr 0.0.0.0:8080", exitMisuse, "demand a token, or say --insecure"},
		{"explore nothing --addr :8080", exitMisuse, "can be reached from other machines"},
		{"explore nothing --addr 127.0.0.1:0", exitFailed, "nothing is neither an index nor a run"},
		{"serve nothing --recall 1.5", exitMisuse, "--recall 1.5: must be above 0 and at most 1"},
		{"serve nothing --max-body many", exitMisuse, "want bytes, e.g. 500kB or 32MiB"},
		{"serve nothing --read-only --journal x", exitMisuse, "take one of them"},
		{"serve nothing --max-k 0 --rate -1", exitMisuse, "hit limit 0: must be at least 1; rate -1: must be"},
		{"serve nothing --token-file nothing", exitFailed, "--token-file: open nothing"},
		{"search nothing --query a.png --out x.jpg", exitMisuse, "want a file that ends in .png"},
		{"train simclr --max-minutes -1 --data " + sprites, exitMisuse, "--max-minutes -1: must be > 0"},
		{"train simclr --max-minutes 0 --data " + sprites, exitMisuse, "--max-minutes 0: must be > 0"},
		{"train simclr --steps 0 --data " + sprites, exitMisuse, "--steps 0: must be at least 1"},
		{"train simclr --set schedule.decay=steps --data " + sprites, exitMisuse, "--set schedule.decay=steps: schedule: decay steps: needs milestones"},
		{"bench knn --gallery -1", exitMisuse, "must be at least 1"},
		{"bench augment --views -1", exitMisuse, "must be at least 1"},
		{"train simclr --keep 0 --data " + sprites, exitMisuse, "--keep 0: must be at least 1"},
		{"train simclr --views crop(2) --data " + sprites, exitMisuse, "--views: views: crop: area [2 1]: want"},
		{"train simclr --views flip --data " + sprites, exitMisuse, "flip comes first: want crop or resize"},
		{"train simclr --set views=swirl --data " + sprites, exitMisuse, `unknown augmentation "swirl"`},
		{"train simclr --set views.blur.q=1 --data " + sprites, exitMisuse, "there is no key q"},
		{"train simclr --set views.sobel.p=1 --data " + sprites, exitMisuse, "views: there is no sobel to change; have crop, flip"},
		{"train simclr --set views.blur=1 --data " + sprites, exitMisuse, "views: blur: the document is \"1\", want keys: p, sigma"},
		{"data info " + sprites + " --views -1", exitMisuse, "--views -1: must be at least 0"},
		{"data info " + sprites + " --views crop,flip", exitMisuse, `unknown augmentation "crop,flip"`},
		{"bench augment --steps gray", exitMisuse, "gray comes first"},
		{"resume nothing --step -7", exitMisuse, "--step -7: must be at least 0"},
		{"resume nothing --steps -4", exitMisuse, "--steps -4: must be at least 1"},
		{"list nets", exitMisuse, `no "nets" to list; have augmentations`},
		{"compare a", exitMisuse, "at least two runs; see"},
		{"compare a b", exitFailed, "a is not a run"},
		{"quickstart --out " + filepath.Join(text, "a.jpg", "x"), exitFailed, "not a directory"},
		{"verify nothing.json", exitFailed, "nothing.json"},
		{"verify nothing.json --losses", exitMisuse, "a FILE or --losses, not both"},
		{"train simclr --loss arcface --batch 32 --data " + sprites, exitFailed, "loss arcface: learns from labels"},
		{"bench step --backend abacus", exitMisuse, `unknown backend "abacus"`},
		{"info " + filepath.Join(text, "a.jpg"), exitFailed, "a.jpg is a file: want a run, .onnx or weights (.safetensors, .pth"},
		{"info", exitMisuse, "needs a RUN or a FILE"},
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
	if out := must(t, "info", dir); !strings.Contains(out, "  loss ") || strings.Index(out, "knn_accuracy") > strings.Index(out, "method:") {
		t.Errorf("info says\n%s", out)
	}
	if out := must(t, "info", dir, "--doctor"); !strings.Contains(out, "doctor: ") || !strings.Contains(out, "layer1.0.conv1") || !strings.Contains(out, "cosines of negatives") {
		t.Errorf("info --doctor says\n%s", out)
	}
	var health struct {
		Verdicts []doctor.Verdict
		Probe    doctor.Probe
	}
	if err := json.Unmarshal([]byte(must(t, "info", dir, "--json")), &health); err != nil || health.Verdicts == nil || health.Probe.MaxRank == 0 {
		t.Errorf("health %+v, %v", health, err)
	}
	npy := filepath.Join(t.TempDir(), "e.npy")
	must(t, "embed", dir, "--out", npy, "--normalize", "-q") // the test split of the run's own data
	if b, err := os.ReadFile(npy); err != nil || !bytes.HasPrefix(b, []byte("\x93NUMPY")) || !bytes.Contains(b[:128], []byte("(60, 64), }")) || b[127] != '\n' || len(b) != 128+4*60*64 {
		t.Errorf("the array is not [60, 64]: %v", err)
	}
	png := filepath.Join(t.TempDir(), "hits.png")
	out := must(t, "search", dir, "--query", "test/star/00005", "--k", "3", "--out", png, "-q")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 4 || !strings.Contains(lines[1], "1.0000") || !strings.Contains(lines[1], "test/star/00005") {
		t.Errorf("search found\n%s", out)
	}
	if b, err := os.ReadFile(png); err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	part := must(t, "search", dir, "--query", "test/star/00005", "--crop", "4,4,16,16", "--k", "3", "--out", png, "-q")
	if lines := strings.Split(strings.TrimSpace(part), "\n"); len(lines) != 4 || part == out {
		t.Errorf("search for a part found\n%s", part)
	}
	for _, args := range [][]string{{"embed", dir, "--out", npy}, {"search", dir, "--query", "test/star/00005"}, {"eval", "knn", dir}} {
		must(t, append(args, "--layer", "layer2", "-q")...)
	}
	if b, err := os.ReadFile(npy); err != nil || !bytes.Contains(b[:128], []byte("(60, 32), }")) {
		t.Errorf("the array of layer2 is not [60, 32]: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("Nearest neighbours")) {
		t.Errorf("no report: %v", err)
	}
	must(t, "report", dir, "-q")
	for _, name := range []string{"projector_config.pbtxt", "projector/sprite.png", "events.out.tfevents.0.views", "events.out.tfevents.1.steps"} {
		if st, err := os.Stat(filepath.Join(dir, "tb", name)); err != nil || st.Size() == 0 {
			t.Errorf("TensorBoard's %s: %v", name, err)
		}
	}
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

func TestConfigFaultsNameTheirLine(t *testing.T) {
	for _, tc := range []struct{ document, want string }{
		{"", "is empty"},
		{"batch: 32\nencoder: resnet9\n", `: line 2: unknown encoder "resnet9"; have`},
		{"method: simclr\nloss:\n  name: ntxent\n  temprature: 1\n", ": line 4: there is no key loss.temprature"},
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(tc.document), 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := call(t, "train", "--config", file, "--data", sprites); code != exitFailed || !strings.Contains(errs, file) || !strings.Contains(errs, tc.want) {
			t.Errorf("%q: status %d, %s, want %q", tc.document, code, errs, tc.want)
		}
	}
}

func TestResumeGoesOnAsItBegan(t *testing.T) {
	dir := trainedRun(t, "--steps", "4", "--checkpoint-every", "2", "--keep", "4", "--monitor-every", "-1")
	code, _, errs := call(t, "resume", dir)
	if code != exitDone || strings.Contains(errs, "level=") {
		t.Errorf("status %d, %s", code, errs)
	}
	if out := must(t, "info", dir); !strings.Contains(out, "step 10 of 10") || !strings.Contains(out, "checkpoints [4 6 8 10]") {
		t.Errorf("info says %s", out)
	}
	code, out, errs := call(t, "resume", dir)
	if code != exitDone || strings.TrimSpace(out) != dir || !strings.Contains(errs, "is finished: all its 10 steps are done, there is nothing to do") {
		t.Errorf("status %d, %s, %s", code, out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "checkpoints", "000006", "state.json")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "resume", dir, "--step", "6"); code != exitFailed || !strings.Contains(errs, "state.json is missing") || !strings.Contains(errs, "use --step 4") {
		t.Errorf("status %d, %s", code, errs)
	}
	if out := must(t, "info", dir); !strings.Contains(out, "checkpoints [4 6 8 10]") {
		t.Errorf("a damaged step drops later ones: %s", out)
	}
}

func TestTimeLimitIsSaidPlainly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := call(t, "train", "simclr", "--data", sprites, "--encoder", "resnet8", "--batch", "32", "--epochs", "1", "--out", dir, "--max-minutes", "1e-6")
	if code != exitDone || strings.Contains(errs, "level=") || !strings.Contains(errs, "trained 0 of 10 steps") || !strings.Contains(errs, "the 1e-06 minutes of --max-minutes are over; 'alike resume") {
		t.Errorf("status %d, %s", code, errs)
	}
	if strings.Contains(errs, "schedule:") {
		t.Errorf("the whole configuration is printed: %s", errs)
	}
	if s := stoppedEarly("runs/x", train.State{Step: 30, Total: 313}); !strings.Contains(s, "at step 30 of 313, so the result is below") {
		t.Errorf("quickstart says %q", s)
	}
	if s := stoppedEarly("runs/x", train.State{Step: 313, Total: 313}); s != "" {
		t.Errorf("quickstart says %q at its end", s)
	}
}

func TestCompareTakesTheScoresThatWereMeasuredAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	a, b := trainedRun(t), trainedRun(t, "--seed", "2")
	if code, _, errs := call(t, "compare", a, b); code != exitFailed || !strings.Contains(errs, a+" has no scores yet") {
		t.Errorf("status %d, %s", code, errs)
	}
	must(t, "eval", "knn", a, "-q")
	must(t, "eval", "knn", b, "--data", "builtin:sprites?n=200", "-q")
	if code, _, errs := call(t, "compare", a, b); code != exitFailed || !strings.Contains(errs, "data: "+sprites+" (train) and builtin:sprites?n=200 (train)") {
		t.Errorf("status %d, %s", code, errs)
	}
	must(t, "eval", "knn", b, "-q")
	must(t, "eval", "knn", b, "--k", "5", "-q") // hides nothing
	if out := must(t, "compare", a, b); strings.Count(out, "knn_accuracy ") != 2 || strings.Count(out, "k 200") != 2 || !strings.Contains(out, "the mean of 2 seeds") ||
		!strings.Contains(out, b+" minus "+a) || !strings.Contains(out, "paired over 60 queries") {
		t.Errorf("compare prints %s", out)
	}
	if err := os.RemoveAll(filepath.Join(b, "outcomes")); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "compare", a, b); !strings.Contains(out, "no paired interval") {
		t.Errorf("without outcomes compare prints %s", out)
	}
	c := trainedRun(t, "--epochs", "0")
	must(t, "eval", "knn", c, "--k", "7", "-q")
	if code, _, errs := call(t, "compare", a, c); code != exitFailed || !strings.Contains(errs, "k: 200 and 7") {
		t.Errorf("status %d, %s", code, errs)
	}
}

func TestMissingFilesAreSaid(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"data_batch_1.bin", "test_batch.bin"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 3073), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, _, errs := call(t, "data", "info", dir)
	if code != exitDone || strings.Count(errs, "it is missing") != 4 || !strings.Contains(errs, "data_batch_5.bin") {
		t.Errorf("status %d, %s", code, errs)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if out := must(t, args...); !strings.HasPrefix(out, "alike ") || !strings.Contains(out, runtime.Version()) || !strings.Contains(out, "CPU level") {
			t.Errorf("%q prints %s", args, out)
		}
	}
	var b build
	if err := json.Unmarshal([]byte(must(t, "version", "--json")), &b); err != nil || b.Go != runtime.Version() {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestNamesAreCompleted(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"train", ""}, "simclr\n"},
		{[]string{"train", "simclr", "--encoder", ""}, "resnet8\n"},
		{[]string{"train", "simclr", "--optimizer", ""}, "lars\n"},
		{[]string{"train", "simclr", "--scaling", ""}, "sqrt\n"},
		{[]string{"eval", "knn", "x", "--layer", ""}, "h\nz\n"},
	} {
		if out := must(t, append([]string{"__complete"}, tc.args...)...); !strings.Contains(out, tc.want) {
			t.Errorf("%q completes to %s", tc.args, out)
		}
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
