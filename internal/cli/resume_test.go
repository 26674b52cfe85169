package cli

import (
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
