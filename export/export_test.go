package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/backend"
	"alike/dataset"
	"alike/eval"
	"alike/internal/onnx"
	"alike/internal/registry"
	"alike/internal/rng"
	"alike/internal/weightfile"
	"alike/method"
	"alike/train"
)

// untrained is a run of a small network for images of size pixels, before its first step.
func untrained(t *testing.T, size int, seed uint64) (*train.Run, *train.Model) {
	t.Helper()
	c, err := train.Default("simclr", size)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Batch, c.Seed, c.Encoder = "photos/", "train", 2, seed, registry.Choice{Name: "resnet8"}
	if err := c.Resolve(4, 0); err != nil {
		t.Fatal(err)
	}
	b, err := backend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	run := &train.Run{Dir: t.TempDir(), Config: c}
	m, err := run.Untrained(b)
	if err != nil {
		t.Fatal(err)
	}
	return run, m
}

// photos are images of several sizes: that of the network, and above and below it in every way.
func photos(size int) *dataset.Memory {
	stream, set := rng.New(rng.Init, 3), &dataset.Memory{Title: "photos"}
	for _, side := range [][2]int{{size, size}, {2*size + 7, size + 1}, {size - 9, 3 * size}, {size - 5, size - 5}, {size + 1, size}, {size + 3, size + 3}} {
		img := dataset.Image{Width: side[0], Height: side[1], Pix: make([]uint8, 3*side[0]*side[1])}
		for i := range img.Pix { // rough, and of a colour of its own
			img.Pix[i] = uint8(float64(40*len(set.Images)*(i%3)/2+40) + 130*stream.Float64())
		}
		set.Images = append(set.Images, img)
	}
	return set
}

// python is a Python with onnxruntime and onnx, or empty.
func python(t *testing.T) string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if HasOnnxruntime(name) && exec.Command(name, "-c", "import onnx").Run() == nil {
			return name
		}
	}
	t.Log("no python3 with onnxruntime and onnx: checked by alike's interpreter only")
	return ""
}

func TestFilesEmbedAsTheRunDoes(t *testing.T) {
	witness := python(t)
	sizes, combinations := []int{16, 40}, 1<<4
	if testing.Short() {
		sizes, combinations = sizes[1:], 7
	}
	for _, size := range sizes {
		run, m := untrained(t, size, 1)
		data := photos(size)
		for i := range combinations {
			o := Options{Layer: []string{method.LayerH, method.LayerZ, "layer2"}[i%3], Uint8: i&2 != 0, Preprocess: i&4 != 0, Normalize: i&8 != 0, Half: i%5 == 1}
			t.Run(fmt.Sprintf("%d pixels, %+v", size, o), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x.onnx")
				if _, err := Write(run, m, path, o); err != nil {
					t.Fatal(err)
				}
				all, err := Check(t.Context(), path, m, data, o, witness, nil)
				if err != nil {
					t.Error(err)
				}
				for _, a := range all {
					if a.Images != data.Len() || a.Relative == 0 && size == 40 || o.tolerance() < 1e-3 && (a.Neighbours < 0.999 || a.Relative > 2e-6) {
						t.Errorf("%+v", a)
					}
				}
				if witness == "" {
					return
				}
				valid := "import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)"
				if out, err := exec.Command(witness, "-c", valid, path).CombinedOutput(); err != nil {
					t.Errorf("onnx.checker: %s", out)
				}
			})
		}
	}
}

// TestAnyNumberOfImages embeds several at once.
func TestAnyNumberOfImages(t *testing.T) {
	run, m := untrained(t, 16, 1)
	path := filepath.Join(t.TempDir(), "x.onnx")
	if _, err := Write(run, m, path, Options{Layer: method.LayerZ, Normalize: true}); err != nil {
		t.Fatal(err)
	}
	file, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if in := file.Graph.Inputs[0]; in.Name != "images" || fmt.Sprint(in.Dims) != "[N 3 16 16]" || fmt.Sprint(file.Graph.Outputs[0].Dims) != "[N 128]" {
		t.Errorf("%+v to %+v", in, file.Graph.Outputs)
	}
	p, err := onnx.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	stream, images := rng.New(rng.Init, 4), onnx.NewArray(onnx.Float32, 5, 3, 16, 16)
	for i := range images.Data {
		images.Data[i] = stream.Float64()
	}
	together, err := p.Run(images.As(onnx.Float32))
	if err != nil {
		t.Fatal(err)
	}
	var alone []float64
	for i := range 5 {
		one := &onnx.Array{Type: onnx.Float32, Dims: []int{1, 3, 16, 16}, Data: images.As(onnx.Float32).Data[i*768:][:768]}
		out, err := p.Run(one)
		if err != nil {
			t.Fatal(err)
		}
		alone = append(alone, out[0].Data...)
	}
	if !slices.Equal(together[0].Data, alone) || len(alone) != 5*128 {
		t.Error("an embedding depends on the images beside it")
	}
	if _, err := p.Run(onnx.NewArray(onnx.Float32, 1, 3, 17, 16)); err == nil || !strings.Contains(err.Error(), "want float32 [N 3 16 16]") {
		t.Errorf("an image of another size: %v", err)
	}
}

func TestCheckNoticesAWrongFile(t *testing.T) {
	run, m := untrained(t, 16, 1)
	path := filepath.Join(t.TempDir(), "x.onnx")
	o := Options{Layer: method.LayerH}
	if _, err := Write(run, m, path, o); err != nil {
		t.Fatal(err)
	}
	file, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file.Graph.Nodes {
		if n := &file.Graph.Nodes[i]; n.Name == "layer2.0.downsample.1" {
			n.Attributes = []onnx.Attribute{onnx.Float("epsilon", 0.1)}
		}
	}
	b, err := file.Marshal()
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := Check(t.Context(), path, m, photos(16), o, "", nil)
	if err == nil || !strings.Contains(err.Error(), "the file is wrong") || len(all) != 1 || all[0].Relative < 1e-3 {
		t.Errorf("%v, %+v", err, all)
	}
}

func TestWeightsAreReadBack(t *testing.T) {
	run, m := untrained(t, 16, 1)
	dir := t.TempDir()
	read := func(o Options) map[string]weightfile.Tensor {
		path := filepath.Join(dir, "x.safetensors")
		if _, err := Write(run, m, path, o); err != nil {
			t.Fatal(err)
		}
		tensors, err := weightfile.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		return tensors
	}
	h, z, short := read(Options{Layer: method.LayerH}), read(Options{Layer: method.LayerZ}), read(Options{Layer: method.LayerZ, Half: true})
	for name, w := range z {
		if inHead := strings.HasPrefix(name, "head."); !inHead && cmp.Diff(w, h[name]) != "" || inHead && h[name].Data != nil {
			t.Errorf("%s differs with the head and without", name)
		}
		for i, v := range short[name].Data {
			if d := v - w.Data[i]; d > 0x1p-11*max(w.Data[i], -w.Data[i], 0x1p-14) || -d > 0x1p-11*max(w.Data[i], -w.Data[i], 0x1p-14) {
				t.Fatalf("%s[%d] is %g in float16, was %g", name, i, v, w.Data[i])
			}
		}
	}
	if !slices.Equal(h["layer2.0.conv1.weight"].Dims, []int{32, 16, 3, 3}) || len(z)-len(h) != 2+4+3 || len(short) != len(z) {
		t.Errorf("%d weights of the encoder, %d with the head: %v", len(h), len(z), slices.Sorted(maps.Keys(z)))
	}
}

// TestSafetensorsReadsTheWeights opens a file by the format's own Python package.
func TestSafetensorsReadsTheWeights(t *testing.T) {
	if exec.Command("python3", "-c", "import numpy, safetensors").Run() != nil {
		t.Skip("no python3 with numpy and safetensors, which this test reads a file by")
	}
	run, m := untrained(t, 16, 1)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if _, err := Write(run, m, path, Options{Layer: method.LayerZ, Half: true}); err != nil {
		t.Fatal(err)
	}
	script := `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    print(json.dumps({"metadata": f.metadata(), "shapes": {k: [str(f.get_tensor(k).dtype)] + list(f.get_tensor(k).shape) for k in f.keys()}}))`
	out, err := exec.Command("python3", "-c", script, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Metadata map[string]string
		Shapes   map[string][]any
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Shapes["layer1.0.conv1.weight"], got.Shapes["head.0.weight"]) != "[float16 16 16 3 3] [float16 64 64]" || len(got.Shapes) != 50+9 {
		t.Errorf("shapes %v", got.Shapes)
	}
	for key, want := range map[string]string{"format": "pt", "method": "simclr", "layer": "z", "dim": "128", "protocol": "[]", "weights_sha256": m.State.WeightsSHA256} {
		if got.Metadata[key] != want {
			t.Errorf("%s is %q, want %q", key, got.Metadata[key], want)
		}
	}
}

func TestCardKeepsFilesOfTheSameWeights(t *testing.T) {
	run, m := untrained(t, 16, 1)
	score := eval.Score{Metric: "knn_accuracy", Value: 0.5, CI95: &[2]float64{0.4, 0.6}, Subject: m.Subject("run"), Notes: []string{"a note"},
		Protocol: eval.Protocol{Layer: "h", K: 7, Variant: "cosine", Bank: eval.Set{Data: "photos/", Split: "train", SHA256: "abc", Images: 4}}}
	other := score
	other.Subject.WeightsSHA256, other.Value = "other", 0.9
	for _, s := range []eval.Score{score, other} {
		if err := eval.Append(run.ScoresPath(), s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"a.onnx", "b.safetensors", "a.onnx"} {
		if _, err := Write(run, m, filepath.Join(dir, name), Options{Layer: method.LayerZ}); err != nil {
			t.Fatal(err)
		}
	}
	var card Card
	document, err := os.ReadFile(filepath.Join(dir, CardJSON))
	if err == nil {
		err = json.Unmarshal(document, &card)
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range card.Files {
		names = append(names, f.Name)
		if f.Dim != 128 || f.DType != "fp32" || f.Bytes < 1000 {
			t.Errorf("%+v", f)
		}
	}
	slices.Sort(names)
	if d := cmp.Diff([]string{"a.onnx", "b.safetensors"}, names); d != "" {
		t.Error(d)
	}
	if len(card.Scores) != 1 || card.Scores[0].Value != 0.5 || card.Data.SHA256 != "abc" || card.Data.Images != 4 || card.WeightsSHA256 != m.State.WeightsSHA256 {
		t.Errorf("%+v", card)
	}
	page, err := os.ReadFile(filepath.Join(dir, CardMarkdown))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"`a.onnx` (0.4 MiB) | z | 128 | fp32", "knn_accuracy | 50.00 % | 40.00 to 60.00", "k 7", "- a note", `"name": "resnet8"`, m.State.WeightsSHA256} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	run, m = untrained(t, 16, 2)
	card2, err := Write(run, m, filepath.Join(dir, "c.onnx"), Options{Layer: method.LayerH})
	if err != nil || len(card2.Files) != 1 {
		t.Errorf("the card of other weights: %+v, %v", card2.Files, err)
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		path string
		o    Options
		want string
	}{
		{"x.onnx", Options{Uint8: true, Preprocess: true}, ""},
		{"X.SafeTensors", Options{Half: true}, ""},
		{"x.safetensors", Options{Normalize: true}, "holds weights, which take no images"},
		{"x.pth", Options{}, "want a file that ends in .onnx"},
	} {
		if err := tc.o.Validate(tc.path); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.path, err, tc.want)
		}
	}
}
