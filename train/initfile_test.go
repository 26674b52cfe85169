package train

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"alike/dataset"
	"alike/internal/registry"
	"alike/internal/weightfile"
)

// torch runs a script of testdata on a folder by a Python with PyTorch and torchvision, or skips.
func torch(t *testing.T, script, dir string) {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import torch, torchvision").Run() != nil {
			continue
		}
		if out, err := exec.Command(python, "-B", filepath.Join("testdata", script), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	t.Skip("no python3 with torch and torchvision, which this test exchanges weights with")
}

// torchStems are the sides of the images that a stem of torchvision's networks is tried on.
var torchStems = map[string]int{"imagenet": 64, "cifar": 32}

// torchvisions is torchvision's variant of a network.
func torchvisions(t *testing.T, name, stem string) registry.Choice {
	t.Helper()
	c, err := registry.Choose(name, map[string]string{"shortcut": "identity", "stem": stem, "pool": "symmetric"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWeightsOfPyTorchGiveTheSameEmbedding starts runs with files that PyTorch wrote, in each
// form, and compares h with what torchvision's network makes of the same pixels.
func TestWeightsOfPyTorchGiveTheSameEmbedding(t *testing.T) {
	if testing.Short() {
		t.Skip("embeds by ResNet-50")
	}
	dir := t.TempDir()
	torch(t, "torch_weights.py", dir)
	b := engine(t, "")
	files, err := filepath.Glob(filepath.Join(dir, "resnet*-*-*.*"))
	if err != nil || len(files) != 6+2*3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		parts := strings.SplitN(filepath.Base(file), "-", 3)
		name, stem, size := parts[0], parts[1], torchStems[parts[1]]
		pixels, err := os.ReadFile(filepath.Join(dir, stem+"-pixels"))
		if err != nil {
			t.Fatal(err)
		}
		images := &dataset.Memory{Title: "pixels"}
		for i := range 4 {
			images.Images = append(images.Images, dataset.Image{Width: size, Height: size, Pix: pixels[i*size*size*3:][:size*size*3]})
		}
		want, err := os.ReadFile(filepath.Join(dir, name+"-"+stem+"-h"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Default("simclr", size)
		if err != nil {
			t.Fatal(err)
		}
		c.Data, c.Batch, c.Init, c.Encoder = "pixels", 2, file, torchvisions(t, name, stem)
		if err := c.Resolve(4, 0); err != nil {
			t.Fatal(err)
		}
		m, err := (&Run{Dir: t.TempDir(), Config: c}).Untrained(b)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		got, err := m.Embed(t.Context(), images, "h", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := relative(got, fromBinary[float32](want)); !(r < 1e-4) {
			t.Errorf("%s: h differs by %.2g, relative", filepath.Base(file), r)
		}
		m.close()
	}
}

// TestTorchvisionLoadsWhatIsExported is the way back: alike's weights in torchvision's networks.
func TestTorchvisionLoadsWhatIsExported(t *testing.T) {
	if testing.Short() {
		t.Skip("embeds by ResNet-50")
	}
	dir := t.TempDir()
	ours := map[string][]float32{}
	for _, name := range []string{"resnet18", "resnet34", "resnet50"} {
		for stem, size := range torchStems {
			m := untrained(t, size, torchvisions(t, name, stem), registry.Choice{Name: "mlp"})
			base, pixels := filepath.Join(dir, name+"-"+stem), randomPixels(3, size)
			ours[base] = m.call(t, "h", pixels, 3)
			f, err := os.Create(base + ".safetensors")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.WriteWeights(f, "h", false, map[string]string{"format": "pt"}), f.Close(), os.WriteFile(base+"-pixels", binaryOf(pixels), 0o644)); err != nil {
				t.Fatal(err)
			}
			m.close()
		}
	}
	torch(t, "torch_load.py", dir)
	for base, want := range ours {
		raw, err := os.ReadFile(base + "-h")
		if err != nil {
			t.Fatal(err)
		}
		if r := relative(fromBinary[float32](raw), want); !(r < 1e-4) {
			t.Errorf("%s: h differs by %.2g, relative", filepath.Base(base), r)
		}
	}
}

// TestTheTrainedNetworkOfAFileIsTaken names the networks of a file as methods with two of them do.
func TestTheTrainedNetworkOfAFileIsTaken(t *testing.T) {
	for _, tc := range []struct {
		prefixes []string // of whole networks
		want     string
	}{
		{[]string{"module.encoder_k.", "module.encoder_q."}, "module.encoder_q."},
		{[]string{"target.net.", "online.net."}, "online.net."},
		{[]string{"teacher.", "student."}, "student."},
		{[]string{"backbone.", "backbone_momentum."}, "backbone."},
		{[]string{""}, ""},
	} {
		tensors := map[string]weightfile.Tensor{}
		for _, prefix := range tc.prefixes {
			for _, name := range []string{"conv1.weight", "bn1.bias"} {
				tensors[prefix+name] = weightfile.Tensor{}
			}
		}
		if got, _ := bestPrefix(tensors, map[string][]int{"conv1.weight": nil, "bn1.bias": nil}); got != tc.want {
			t.Errorf("of %q %q is taken, want %q", tc.prefixes, got, tc.want)
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
