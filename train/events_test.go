package train

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"alike/internal/tensorboard/tensorboardtest"
)

// readEvents reads the file of the steps.
func readEvents(t *testing.T, r *Run) []tensorboardtest.Event {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.TensorBoardDir(), stepsEvents))
	if err != nil {
		t.Fatal(err)
	}
	events, err := tensorboardtest.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// sittings trains a run in three, the second of which is lost without a checkpoint.
func sittings(t *testing.T) *Run {
	t.Helper()
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Sittings.ProbeEvery = 3
	b := engine(t, "")
	trained(t, r, images, b, Options{Steps: 5, Monitor: monitorLabels(images)})
	before, err := os.ReadFile(filepath.Join(r.TensorBoardDir(), stepsEvents))
	if err != nil {
		t.Fatal(err)
	}
	trained(t, r, images, b, Options{Steps: 7})
	after, err := os.ReadFile(filepath.Join(r.TensorBoardDir(), stepsEvents))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, after[:len(before)]) {
		t.Error("a second sitting changes what the first wrote")
	}
	if err := os.RemoveAll(r.checkpointDir(7)); err != nil {
		t.Fatal(err)
	}
	trained(t, r, images, b, Options{})
	return r
}

func TestEventsAreTheMetricsAndNothingTwice(t *testing.T) {
	r := sittings(t)
	metrics, err := r.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	events := readEvents(t, r)
	if events[0].Version == "" {
		t.Error("the file does not begin with its version")
	}
	if events = events[1:]; len(events) != len(metrics) {
		t.Fatalf("%d events of %d lines", len(events), len(metrics))
	}
	looks := 0
	for i, m := range metrics {
		e := events[i]
		if e.Step != m.Step || i > 0 && e.Time < events[i-1].Time {
			t.Errorf("event %d is of step %d at %g, want step %d", i, e.Step, e.Time, m.Step)
		}
		if m.Monitor == nil && e.Scalars["train/loss"] != float64(float32(m.Loss)) {
			t.Errorf("step %d: loss %g, want %g", m.Step, e.Scalars["train/loss"], m.Loss)
		}
		if m.Monitor != nil && e.Scalars["monitor/knn_accuracy"] != float64(float32(m.Monitor[monitoredKNN])) {
			t.Errorf("step %d: monitored %v", m.Step, e.Scalars)
		}
		if m.Probe != nil {
			looks++
			if !slices.Contains(e.Tags, "embeddings/negatives") || e.Scalars["weight/conv1"] == 0 || e.Scalars["embeddings/effective_rank"] < 1 {
				t.Errorf("step %d: what the doctor saw is not there: %v", m.Step, e.Tags)
			}
		}
	}
	if looks != 6 { // 1, 3, 6, 9, 12 and the last, 13
		t.Errorf("%d looks", looks)
	}
}

// TestProbesLeaveTheWeightsAlone trains with a look at every step and at none.
func TestProbesLeaveTheWeightsAlone(t *testing.T) {
	var hashes []string
	for _, every := range []int{1, -1} {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Sittings.ProbeEvery = every
		hashes = append(hashes, trained(t, r, images, engine(t, ""), Options{Steps: 6}).WeightsSHA256)
	}
	if hashes[0] != hashes[1] {
		t.Errorf("weights %.12s with looks, %.12s without", hashes[0], hashes[1])
	}
}

// TestTensorBoardReadsTheEvents asks TensorBoard's own package what it sees.
func TestTensorBoardReadsTheEvents(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3: TensorBoard's reader is not asked")
	}
	if err := exec.Command(python, "-c", "import tensorboard").Run(); err != nil {
		t.Skip("the python3 of the path has no tensorboard: its reader is not asked")
	}
	r := sittings(t)
	picture, err := os.ReadFile(filepath.Join("..", "docs", "quickstart.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteViews(picture); err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
e = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0}).Reload()
h = e.Histograms("embeddings/negatives")[-1].histogram_value
i = e.Images("views")[0]
print(json.dumps({
    "loss": [[s.step, s.value] for s in e.Scalars("train/loss")],
    "buckets": len(h.bucket), "num": h.num, "counted": sum(h.bucket), "looks": len(e.Histograms("embeddings/negatives")),
    "width": i.width, "height": i.height, "bytes": len(i.encoded_image_string),
}))`
	out, err := exec.Command(python, "-c", script, r.TensorBoardDir()).Output()
	if err != nil {
		var stderr *exec.ExitError
		errors.As(err, &stderr)
		t.Fatalf("%v: %s", err, stderr.Stderr)
	}
	var got struct {
		Loss           [][2]float64
		Buckets, Looks int
		Num, Counted   float64
		Width, Height  int
		Bytes          int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	metrics, err := r.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	var want [][2]float64
	negatives := 0
	for _, m := range metrics {
		if m.Monitor == nil {
			want = append(want, [2]float64{float64(m.Step), float64(float32(m.Loss))})
		}
		if m.Probe != nil {
			negatives = 0
			for _, n := range m.Probe.Negatives.Counts {
				negatives += n
			}
		}
	}
	if !slices.Equal(got.Loss, want) {
		t.Errorf("losses %v, want %v", got.Loss, want)
	}
	if got.Looks != 6 || got.Buckets != 41 || got.Num != float64(negatives) || got.Counted != float64(negatives) {
		t.Errorf("histograms: %+v, want %d values in 40 buckets and an empty one", got, negatives)
	}
	if got.Bytes != len(picture) || got.Width == 0 || got.Height == 0 {
		t.Errorf("picture: %+v, want %d bytes", got, len(picture))
	}
}

func TestMetricsWithoutEventsGetThem(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	trained(t, r, images, b, Options{Steps: 2})
	if err := os.RemoveAll(r.TensorBoardDir()); err != nil {
		t.Fatal(err)
	}
	trained(t, r, images, b, Options{Steps: 3})
	if events := readEvents(t, r); len(events) != 4 {
		t.Errorf("%d events, want those of three steps and the version", len(events))
	}
	if _, err := os.Stat(filepath.Join(r.TensorBoardDir(), viewsEvents)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("views: %v", err)
	}
}
