package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"alike/train"
)

// planned is the configuration of a run that is not trained, and what is said of it.
func planned(t *testing.T, args ...string) (c train.Config, said string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	code, _, said := call(t, append(append([]string{"train"}, args...), "--data", sprites, "--encoder", "resnet8", "--batch", "30", "--epochs", "0", "--out", dir)...)
	if code != exitDone {
		t.Fatalf("%q: status %d, %s", args, code, said)
	}
	run, err := train.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run.Config, said
}

func TestAFileLeavesTheMethodToTheCommand(t *testing.T) {
	silent, ice := filepath.Join(t.TempDir(), "silent.yaml"), filepath.Join(t.TempDir(), "ice.yaml")
	for file, text := range map[string]string{silent: "seed: 4\n", ice: "method: ice\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"isif", "--config", silent}, "isif"}, {[]string{"--config", silent}, "simclr"},
		{[]string{"ice", "--config", ice}, "ice"}, {[]string{"--config", ice}, "ice"},
	} {
		if c, _ := planned(t, tc.args...); c.Method.Name != tc.want {
			t.Errorf("%q trains %s, want %s", tc.args, c.Method.Name, tc.want)
		}
	}
	if code, _, said := call(t, "train", "simclr", "--config", ice, "--data", sprites); code != exitMisuse || !strings.Contains(said, "is of method ice, not simclr") {
		t.Errorf("status %d, %s", code, said)
	}
}

func TestSettingsGoTogether(t *testing.T) {
	for _, order := range [][]string{{"schedule.decay=steps", "schedule.milestones=[{epoch: 30, factor: 0.1}]"}, {"schedule.milestones=[{epoch: 30, factor: 0.1}]", "schedule.decay=steps"}} {
		c, _ := planned(t, "simclr", "--set", order[0], "--set", order[1])
		if c.Schedule.Decay != "steps" || len(c.Schedule.Milestones) != 1 {
			t.Errorf("%q: %+v", order, c.Schedule)
		}
	}
}

func TestTheWarmUpFitsTheRun(t *testing.T) {
	for _, tc := range []struct {
		args   []string
		warmUp float64
		says   string
	}{
		{[]string{"--set", "schedule.epochs=5"}, 0.5, "shortened to 0.5 epochs"},
		{[]string{"--set", "schedule.epochs=5", "--set", "schedule.warmup_epochs=2"}, 2, ""},
		{[]string{"--set", "schedule.epochs=5", "--warmup-epochs", "5"}, 5, "takes the whole run"},
	} {
		args := append([]string{"train", "simclr", "--data", sprites, "--encoder", "resnet8", "--batch", "30", "--dry-run", "--verbose"}, tc.args...)
		code, _, said := call(t, args...)
		if code != exitDone || !strings.Contains(said, "warmup_epochs: "+strconv.FormatFloat(tc.warmUp, 'g', -1, 64)) || tc.says == "" && strings.Contains(said, "the warm-up") || !strings.Contains(said, tc.says) {
			t.Errorf("%q: status %d, %s", tc.args, code, said)
		}
	}
}

func TestAQuickstartThatFailedIsInNobodysWay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, said := call(t, "quickstart", "--backend", "nonsense", "--out", dir); code != exitMisuse {
		t.Errorf("status %d, %s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if code := Run(ctx, []string{"quickstart", "--out", dir}, strings.NewReader(""), io.Discard, io.Discard); code == exitDone {
		t.Error("a quickstart that was stopped is done")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it left %s: %v", dir, err)
	}
}
