package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/train"
)

func TestResumeRefusesOtherImagesAndKeepsAll(t *testing.T) {
	dir := trainedRun(t, "--steps", "4", "--checkpoint-every", "2", "--keep", "4", "--monitor-every", "-1")
	code, _, errs := call(t, "resume", dir, "--step", "2", "--data", "builtin:sprites?n=290")
	if code != exitFailed || !strings.Contains(errs, "has 290 images") || !strings.Contains(errs, "the run was trained on 300") {
		t.Errorf("status %d, %s", code, errs)
	}
	if out := must(t, "info", dir); !strings.Contains(out, "checkpoints [0 2 4]") {
		t.Errorf("checkpoints are dropped: %s", out)
	}
}

// A file that has become unreadable is no other data set; an added one is.
func TestResumeWithoutAFile(t *testing.T) {
	images, dir := filepath.Join(t.TempDir(), "images"), filepath.Join(t.TempDir(), "run")
	must(t, "data", "export", "builtin:sprites?n=60", "--format", "folder", "--out", images, "-q")
	must(t, "train", "simclr", "--data", images, "--encoder", "resnet8", "--batch", "16", "--epochs", "2", "--steps", "2", "--out", dir, "-q")
	files, err := filepath.Glob(filepath.Join(images, "train", "*", "*.png"))
	if err != nil || len(files) != 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if err := os.WriteFile(files[7], []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, said := call(t, "resume", dir, "--steps", "4"); !strings.Contains(said, "in another order") || !strings.Contains(said, "trained 4 of") {
		t.Errorf("it says %s", said)
	}
	more := filepath.Join(filepath.Dir(files[8]), "more.png")
	for i := range 2 { // one may be the file that could not be read
		content, err := os.ReadFile(files[9])
		if err == nil {
			err = os.WriteFile(strings.Replace(more, "more", "more"+strings.Repeat("x", i), 1), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if code, _, said := call(t, "resume", dir); code != exitFailed || !strings.Contains(said, "has 61 images") {
		t.Errorf("status %d, %s", code, said)
	}
}

// A first sitting that was killed leaves a run without a checkpoint; its plan may be refused later.
func TestResumeThatIsRefusedLeavesTheRun(t *testing.T) {
	c, err := train.Default("simclr", 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Encoder.Name, c.Batch, c.Freeze = sprites, "train", "resnet8", 32, []string{"encoder", "head"}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := train.Create(dir, c); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "resume", dir); code != exitFailed || !strings.Contains(errs, "nothing is left to train") {
		t.Errorf("status %d, %s", code, errs)
	}
	if _, err := train.Open(dir); err != nil {
		t.Errorf("the run is gone: %v", err)
	}
}
