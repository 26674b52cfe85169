package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/augment"
	"alike/train"
)

// What --views, --set and a file say is saved as the whole list, from which a run
// repeats.
func TestViewsOfARun(t *testing.T) {
	want, err := augment.Parse("crop(0.2, 1) jitter(0.5) solarise(p=0.3) flip")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	args := []string{"--data", sprites, "--encoder", "resnet8", "--batch", "32", "--epochs", "0", "-q"}
	must(t, append([]string{"train", "simclr"}, append(args, "--out", dir, "--views", "crop(0.2, 1) jitter(0.5) solarise flip", "--set", "views.solarise.p=0.3")...)...)
	saved := filepath.Join(dir, "config.yaml")
	cfg, err := train.Load(saved, "", 0)
	if err != nil || cmp.Diff(want, cfg.Views) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, cfg.Views))
	}
	again := filepath.Join(t.TempDir(), "again")
	must(t, "train", "--config", saved, "--out", again, "-q")
	first, _ := os.ReadFile(saved)
	second, err := os.ReadFile(filepath.Join(again, "config.yaml"))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v\n%s", err, cmp.Diff(string(first), string(second)))
	}
}

// A configuration that a former version saved names its five steps in a mapping.
func TestViewsOfAFormerConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	former := `method: simclr
size: 32
views:
    crop: {sampler: tensorflow, area: [0.08, 1], ratio: [0.75, 1.3333333333333333], interpolation: bilinear, antialias: true}
    flip: {p: 0.5}
    jitter: {p: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, form: torchvision, additive: false}
    gray: {p: 0.2}
    blur: {p: 0.25, sigma: [0.1, 2]}
`
	if err := os.WriteFile(file, []byte(former), 0o644); err != nil {
		t.Fatal(err)
	}
	want, err := augment.Parse("crop(sampler=tensorflow) flip jitter(0.5) gray blur(p=0.25)")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := train.Load(file, "", 0)
	if err != nil || cmp.Diff(want, cfg.Views) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, cfg.Views))
	}
}

func TestDataInfoDrawsTheViewsThatAreListed(t *testing.T) {
	pictures := map[string]bool{}
	for _, views := range []string{"8", "crop(0.2, 1) flip", "resize sobel(1)"} {
		png := filepath.Join(t.TempDir(), "views.png")
		must(t, "data", "info", sprites, "--views", views, "--out", png, "-q")
		b, err := os.ReadFile(png)
		if err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
			t.Errorf("--views %q: no picture: %v", views, err)
		}
		pictures[string(b)] = true
	}
	if len(pictures) != 3 {
		t.Errorf("%d pictures, want 3", len(pictures))
	}
}

func TestBenchAugmentTimesTheStepsThatAreListed(t *testing.T) {
	out := must(t, "bench", "augment", "--views", "20", "--steps", "crop blur(p=1)", "-q")
	if !strings.Contains(out, "blur true") {
		t.Errorf("%s", out)
	}
}
