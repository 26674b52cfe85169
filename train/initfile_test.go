package train

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"alike/dataset"
	"alike/internal/registry"
)

// torchWeights runs a Python with PyTorch and torchvision, or skips.
func torchWeights(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import torch, torchvision").Run() != nil {
			continue
		}
		if out, err := exec.Command(python, "testdata/torch_weights.py", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return dir
	}
	t.Skip("no python3 with torch and torchvision, whose weights this test reads")
	return ""
}

// TestWeightsOfPyTorchGiveTheSameEmbedding starts runs with files that PyTorch wrote, in each
// form, and compares h with what torchvision's network makes of the same pixels.
func TestWeightsOfPyTorchGiveTheSameEmbedding(t *testing.T) {
	if testing.Short() {
		t.Skip("embeds by ResNet-50")
	}
	dir := torchWeights(t)
	pixels, err := os.ReadFile(filepath.Join(dir, "pixels"))
	if err != nil {
		t.Fatal(err)
	}
	images := &dataset.Memory{Title: "pixels"}
	for i := range 4 {
		images.Images = append(images.Images, dataset.Image{Width: 64, Height: 64, Pix: pixels[i*64*64*3:][:64*64*3]})
	}
	b := engine(t, "")
	for _, name := range []string{"resnet18", "resnet50"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+"-h"))
		if err != nil {
			t.Fatal(err)
		}
		want := fromBinary[float32](raw)
		for _, form := range []string{"plain.pth", "moco.pt", "strided.pth", "lightly.ckpt"} {
			c, err := Default("simclr", 64)
			if err != nil {
				t.Fatal(err)
			}
			c.Data, c.Batch, c.Init = "pixels", 2, filepath.Join(dir, name+"-"+form)
			c.Encoder, err = registry.Choose(name, map[string]string{"shortcut": "identity", "stem": "imagenet", "pool": "symmetric"})
			if err == nil {
				err = c.Resolve(4, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := (&Run{Dir: t.TempDir(), Config: c}).Untrained(b)
			if err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
				continue
			}
			got, err := m.Embed(t.Context(), images, "h", nil)
			if err != nil {
				t.Fatal(err)
			}
			var difference, size float64
			for i, w := range want {
				difference += math.Pow(float64(got[i]-w), 2)
				size += math.Pow(float64(w), 2)
			}
			if relative := math.Sqrt(difference / size); !(relative < 1e-4) {
				t.Errorf("%s, %s: h differs by %.2g, relative", name, form, relative)
			}
			m.close()
		}
	}
}

func TestFilesOfWeightsThatDoNotFitAreSentences(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	s := trained(t, r, images, b, Options{Steps: 1})
	own := filepath.Join(r.checkpointDir(s.Step), modelFile)
	start := func(file, encoder string) error {
		c := r.Config
		c.Init, c.Encoder = file, registry.Choice{Name: encoder}
		_, err := c.newStore(b, slog.New(slog.DiscardHandler))
		return err
	}
	if err := start(own, "resnet8"); err != nil {
		t.Errorf("alike's own file: %v", err)
	}
	garbage := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(garbage, []byte("not a pickle"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ file, encoder, want string }{
		{own, "resnet14", "it lacks layer1.1"},
		{own, "resnet18", "its bn1.bias is [16], want [64]"},
		{garbage, "resnet8", "not a file of weights that PyTorch saved"},
		{filepath.Join(t.TempDir(), "none.safetensors"), "resnet8", "no such file"},
	} {
		if err := start(tc.file, tc.encoder); err == nil || !strings.Contains(fmt.Sprint(err), tc.want) {
			t.Errorf("%s for %s: error %v, want one with %q", filepath.Base(tc.file), tc.encoder, err, tc.want)
		}
	}
}
