package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alike/train"
)

func TestWhereARunStands(t *testing.T) {
	step := func(n int, seconds float64) train.Metric {
		return train.Metric{Step: n, Epoch: float64(n) / 50, Loss: 4, ImagesPerS: 1234, Seconds: seconds}
	}
	monitored := train.Metric{Step: 0, Monitor: map[string]float64{"knn_accuracy": 0.1}}
	for _, tc := range []struct {
		name    string
		metrics []train.Metric
		total   int
		age     time.Duration
		step    int
		want    string
		going   bool
	}{
		{"nothing yet", nil, -1, 1000 * time.Hour, 0, "No step is done yet", true},
		{"no epochs", nil, 0, time.Second, 0, "An untrained run", false},
		{"no epochs, but measured", []train.Metric{monitored}, 0, time.Second, 0, "An untrained run", false},
		{"no epochs, then some", []train.Metric{step(1, 2)}, 0, time.Second, 1, "Training: step 1, ", true},
		{"before the first step", []train.Metric{monitored}, 100, time.Second, 0, "No step is done yet", true},
		{"the length is not known", []train.Metric{monitored, step(1, 2)}, -1, time.Second, 1, "Training: step 1, epoch 0.02, 1234 images/s.", true},
		{"at the pace of the last steps", []train.Metric{step(1, 10), step(2, 12), step(3, 14), monitored}, 100, time.Second, 3, "Training: step 3 of 100, epoch 0.06, 1234 images/s, about 3m14s left.", true},
		{"steps that take long", []train.Metric{step(1, 30), step(2, 60)}, 100, 2 * time.Minute, 2, "Training: step 2 of 100", true},
		{"silence", []train.Metric{step(1, 1), step(2, 2)}, 100, 2 * time.Minute, 2, "It has come to step 2 of 100 and written nothing for 2m0s: if it was stopped, 'alike resume runs/x' goes on.", false},
		{"the end", []train.Metric{step(99, 70), step(100, 71)}, 100, time.Second, 100, "All 100 steps are done, in 1m11s.", false},
		{"no number", []train.Metric{step(4, 4), {Step: 4, Diverged: "NaN", Seconds: 5}}, 100, time.Second, 4, "The run ended after step 4: the loss of the next was NaN.", false},
	} {
		step, state, going := standing(tc.metrics, tc.total, tc.age, "runs/x")
		if step != tc.step || !strings.HasPrefix(state, tc.want) || going != tc.going {
			t.Errorf("%s: step %d, %q, going on %v", tc.name, step, state, going)
		}
	}
}

func TestCurvesOfAnEndedRunLeaveOutWhatNeverWas(t *testing.T) {
	curves := curvesOf([]train.Metric{{Step: 1, Loss: 5, LR: 0.1}, {Step: 1, LR: 0.1, Diverged: "NaN"}})
	if len(curves) != 3 || curves[0].Name != "loss" || len(curves[0].Points) != 1 || len(curves[2].Points) != 1 {
		t.Errorf("%+v", curves)
	}
}

func TestAnUntrainedRunIsReadOnce(t *testing.T) {
	dir := trainedRun(t, "--epochs", "0")
	look, err := watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if seen, err := look(); err != nil || seen.Going || !strings.HasPrefix(seen.State, "An untrained run") {
			t.Errorf("%+v, %v", seen, err)
		}
		weights, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*", "model.safetensors"))
		if err != nil || len(weights) != 1 {
			t.Fatalf("%v, %v", weights, err)
		}
		if err := os.Truncate(weights[0], 1); err != nil { // which a second reading would find
			t.Fatal(err)
		}
	}
}
