package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/export"
)

func TestExport(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	run, dir := trainedRun(t), t.TempDir()
	file := filepath.Join(dir, "model.onnx")
	var out struct {
		File  string
		Bytes int64
		Card  export.Card
		Check []export.Agreement
	}
	text := must(t, "export", run, "--out", file, "--input", "uint8", "--preprocess", "--normalize", "--check", "--check-images", "12", "--json", "-q")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if out.File != file || out.Card.Method != "simclr" || out.Card.Files[0].Dim != 64 || len(out.Check) == 0 || out.Check[0].Images != 12 || out.Check[0].MaxDifference > 1e-5 {
		t.Errorf("%+v", out)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != out.Bytes {
		t.Errorf("%v, %v", info, err)
	}
	text = must(t, "export", run, "--out", filepath.Join(dir, "z.onnx"), "--layer", "z", "--dtype", "fp16", "--check", "-q")
	if lines := strings.Split(text, "\n"); !strings.Contains(lines[0], "layer z of 128 values, fp16; what it is says "+filepath.Join(dir, "MODEL.md")) ||
		!strings.Contains(lines[1], "alike's interpreter, 60 images: max |difference| ") {
		t.Errorf("it prints %s", text)
	}
	weights := filepath.Join(dir, "model.safetensors")
	must(t, "export", run, "--out", weights)
	page, err := os.ReadFile(filepath.Join(dir, "MODEL.md"))
	for _, name := range []string{"`model.onnx`", "`z.onnx`", "`model.safetensors`"} {
		if err != nil || !strings.Contains(string(page), name) {
			t.Errorf("MODEL.md lacks %s: %v", name, err)
		}
	}
	text = must(t, "info", file)
	for _, want := range []string{"ONNX, opset 18, written by alike", "from images uint8 [N H W 3]", "to embedding float32 [N 64]", "Conv, ", "method: simclr", "  layer1.0.conv1.weight  "} {
		if !strings.Contains(text, want) {
			t.Errorf("info lacks %q: %s", want, text)
		}
	}
	var described fileInfo
	if err := json.Unmarshal([]byte(must(t, "info", weights, "--json")), &described); err != nil {
		t.Fatal(err)
	}
	if described.Format != "safetensors" || described.Metadata["weights_sha256"] != out.Card.WeightsSHA256 || described.Metadata["layer"] != "h" || described.Values < 70_000 || described.Values > 80_000 {
		t.Errorf("%+v", described)
	}
	again := filepath.Join(t.TempDir(), "again") // begins with the weights of the first
	must(t, "train", "simclr", "--data", sprites, "--encoder", "resnet8", "--batch", "32", "--init", weights, "--epochs", "0", "--out", again, "-q")
	npy, head := filepath.Join(t.TempDir(), "x.npy"), filepath.Join(t.TempDir(), "head")
	must(t, "embed", run, "--layer", "h", "--out", npy, "-q")
	must(t, "train", "ice", "--from-features", npy, "--batch", "20", "--per-class", "2", "--steps", "2", "--out", head, "-q")
	text = must(t, "export", head, "--out", filepath.Join(dir, "head.onnx"), "--check", "--check-images", "9", "-q")
	if !strings.Contains(text, "alike's interpreter, 9 images: max |difference|") {
		t.Errorf("a head on features: %s", text)
	}
	if text = must(t, "info", filepath.Join(dir, "head.onnx")); !strings.Contains(text, "from features float32 [N 64]") || !strings.Contains(text, "1 Gemm") {
		t.Errorf("a head on features: %s", text)
	}
	if code, _, errs := call(t, "export", head, "--out", filepath.Join(dir, "x.onnx"), "--input", "uint8"); code != exitFailed || !strings.Contains(errs, "learned from features") {
		t.Errorf("status %d, %s", code, errs)
	}
	if code, _, errs := call(t, "export", run, "--out", filepath.Join(dir, "none", "x.onnx")); code != exitFailed || !strings.Contains(errs, "no such file or directory") {
		t.Errorf("status %d, %s", code, errs)
	}
}
