package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"

	"alike/backend"
	"alike/dataset"
	"alike/dataset/builtin"
	"alike/internal/registry"
	"alike/optimize"
)

// smallRun is a run of a few seconds on generated images.
func smallRun(t testing.TB, dir string) (*Run, dataset.Dataset) {
	t.Helper()
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Default("simclr", 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Encoder, c.Batch = "builtin:sprites?n=64", dataset.Train, registry.Choice{Name: "resnet8"}, 16
	c.Schedule.Epochs, c.Schedule.WarmupEpochs = 3, 1
	if err := c.Resolve(images.Len(), len(images.Classes())); err != nil {
		t.Fatal(err)
	}
	r, err := Create(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return r, images
}

func engine(t testing.TB, name string) compute.Backend {
	t.Helper()
	b, err := backend.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// trained trains a run and returns its last state.
func trained(t testing.TB, r *Run, images dataset.Dataset, b compute.Backend, o Options) State {
	t.Helper()
	if err := r.Train(t.Context(), b, images, o); err != nil {
		t.Fatal(err)
	}
	s, err := r.State(-1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWeightsDoNotDependOnWorkersOrSittings(t *testing.T) {
	var first string
	for name, sittings := range map[string][]int{"simd:workers=1": {0}, "simd:workers=2": {5, 0}, "simd:workers=3": {1, 7, 0}} {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		b := engine(t, name)
		var s State
		for _, steps := range sittings {
			s = trained(t, r, images, b, Options{Steps: steps})
		}
		if s.Step != 13 { // 3 epochs of 4 steps, and one
			t.Errorf("%s: %d steps", name, s.Step)
		}
		if first == "" {
			first = s.WeightsSHA256
		}
		if s.WeightsSHA256 != first {
			t.Errorf("%s in sittings %v: weights differ", name, sittings)
		}
		metrics, err := r.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range metrics {
			if m.Step != i+1 {
				t.Errorf("%s: line %d of metrics.jsonl is of step %d", name, i+1, m.Step)
			}
		}
	}
}

func TestTheUntrainedNetworkNeedsNoCheckpoint(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	fresh, err := r.Untrained(b)
	if err != nil {
		t.Fatal(err)
	}
	r.Config.Sittings.Keep = 100
	trained(t, r, images, b, Options{Steps: 2})
	kept, err := r.Model(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.State.WeightsSHA256 != kept.State.WeightsSHA256 || fresh.State.Engine != kept.State.Engine {
		t.Errorf("state %+v, want that of step 0, %+v", fresh.State, kept.State)
	}
	var rows [2][]float32
	for i, m := range []*Model{fresh, kept} {
		if rows[i], err = m.Embed(t.Context(), images, m.Layer(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(rows[1], rows[0]); d != "" {
		t.Errorf("the embeddings differ (-want +got):\n%s", d)
	}
}

func TestEveryOptimizerResumesExactly(t *testing.T) {
	for _, name := range optimize.Optimizers.Names() {
		var want string
		for _, sittings := range [][]int{{4}, {2, 4}} {
			r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
			r.Config.Optimizer = registry.Choice{Name: name}
			r.Config.Schedule.LR, r.Config.Schedule.Scaling = 0.001, "none"
			b := engine(t, "")
			for _, steps := range sittings {
				s := trained(t, r, images, b, Options{Steps: steps})
				if steps == 4 && want == "" {
					want = s.WeightsSHA256
				} else if steps == 4 && want != s.WeightsSHA256 {
					t.Errorf("%s: weights differ after a stop", name)
				}
			}
		}
	}
}

// TestMain lets the test binary be a trainer that can be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ALIKE_TEST_RESUME"); dir != "" {
		os.Exit(trainForever(dir))
	}
	os.Exit(m.Run())
}

func trainForever(dir string) int {
	r, err := Open(dir)
	if err != nil {
		return 1
	}
	images, err := builtin.Sprites(context.Background(), dataset.Train, 64, 1)
	if err != nil {
		return 1
	}
	b, err := backend.Open("simd:workers=1")
	if err != nil {
		return 1
	}
	r.Config.Sittings.CheckpointEvery = 1
	if err := r.Train(context.Background(), b, images, Options{}); err != nil {
		return 1
	}
	return 0
}

func TestKilledRunResumesExactly(t *testing.T) {
	whole, images := smallRun(t, filepath.Join(t.TempDir(), "whole"))
	want := trained(t, whole, images, engine(t, ""), Options{})
	killed, _ := smallRun(t, filepath.Join(t.TempDir(), "killed"))
	kills := 0
	for range 50 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ALIKE_TEST_RESUME="+killed.Dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before, _ := checkpointSteps(killed.checkpointsDir())
		for range 3000 { // until it has made progress
			now, _ := checkpointSteps(killed.checkpointsDir())
			if len(now) > 0 && (len(before) == 0 || now[len(now)-1] > before[len(before)-1]+2) || cmd.ProcessState != nil {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		if cmd.Process.Kill() == nil {
			kills++
		}
		cmd.Wait()
		if s, err := killed.State(-1); err == nil && s.Step >= 9 {
			break
		}
	}
	if kills == 0 {
		t.Fatal("the trainer was never killed")
	}
	got := trained(t, killed, images, engine(t, ""), Options{})
	if got.WeightsSHA256 != want.WeightsSHA256 || got.Step != want.Step {
		t.Errorf("after %d kills: step %d with weights %.12s, want step %d with %.12s", kills, got.Step, got.WeightsSHA256, want.Step, want.WeightsSHA256)
	}
}

func TestInterruptSavesAndSaysHowToGoOn(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	err := r.Train(ctx, engine(t, ""), images, Options{Progress: func(p Progress) {
		if p.Step == 4 {
			cancel(stop)
		}
	}})
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "alike resume") {
		t.Errorf("got %v", err)
	}
	if s, err := r.State(-1); err != nil || s.Step < 4 || s.Step > 5 {
		t.Errorf("saved step %d, %v", s.Step, err)
	}
}

func TestInterruptedFirstMeasurementSavesStep0(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	err := r.Train(ctx, engine(t, ""), images, Options{Monitor: func(ctx context.Context, _ *Model) (map[string]float64, error) {
		cancel(stop)
		return nil, context.Cause(ctx)
	}})
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "stopped at step 0 of 13, saved; 'alike resume") {
		t.Errorf("got %v", err)
	}
	if s, err := r.State(-1); err != nil || s.Step != 0 {
		t.Errorf("saved step %d, %v", s.Step, err)
	}
	if s := trained(t, r, images, engine(t, ""), Options{Steps: 1}); s.Step != 1 {
		t.Errorf("went on to step %d", s.Step)
	}
}

// TestEveryMeasurementIsMadeOnce stops a run while it is measured, and goes on from its checkpoint of step 0 as if it had
// been killed.
func TestEveryMeasurementIsMadeOnce(t *testing.T) {
	for _, stop := range []int{0, 4, 5, -1} {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Schedule.Epochs = 1 // 5 steps
		r.Config.Sittings = Sittings{CheckpointEvery: 1, Keep: 9, MonitorEvery: 2}
		ctx, cancel := context.WithCancel(t.Context())
		monitor := func(ctx context.Context, m *Model) (map[string]float64, error) {
			if m.State.Step == stop {
				cancel()
			}
			return map[string]float64{"x": 1}, ctx.Err()
		}
		b := engine(t, "")
		if err := r.Train(ctx, b, images, Options{Monitor: monitor}); (err != nil) != (stop >= 0) {
			t.Fatal(err)
		}
		if left, err := r.Unmeasured(5); left != (stop > 0) || err != nil {
			t.Errorf("stopped at %d: a last measurement is missing: %t, %v", stop, left, err)
		}
		if stop < 0 {
			if err := r.DropAfter(0); err != nil {
				t.Fatal(err)
			}
		}
		if s := trained(t, r, images, b, Options{Monitor: monitor}); s.Step != 5 {
			t.Errorf("stopped at %d: ends at step %d", stop, s.Step)
		}
		metrics, err := r.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		var steps, measured []int
		for _, m := range metrics {
			if m.Monitor != nil {
				measured = append(measured, m.Step)
			} else {
				steps = append(steps, m.Step)
			}
		}
		if !slices.Equal(measured, []int{0, 2, 4, 5}) || !slices.Equal(steps, []int{1, 2, 3, 4, 5}) {
			t.Errorf("stopped at %d: measured at %v in steps %v", stop, measured, steps)
		}
	}
}

// TestOtherImagesAreNotGoneOnWith changes what a run is resumed with.
func TestOtherImagesAreNotGoneOnWith(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	trained(t, r, images, b, Options{Steps: 1})
	copied := func() *dataset.Memory {
		m := &dataset.Memory{Title: "others", Names: images.Classes()}
		for i := range images.Len() {
			img, err := images.Image(i)
			if err != nil {
				t.Fatal(err)
			}
			m.Images, m.Labels, m.IDs = append(m.Images, img), append(m.Labels, images.Label(i)), append(m.IDs, images.ID(i))
		}
		return m
	}
	less, renamed, relabelled := copied(), copied(), copied()
	less.Images, less.Labels, less.IDs = less.Images[1:], less.Labels[1:], less.IDs[1:]
	renamed.IDs[5] = "another"
	relabelled.Labels[5] = (relabelled.Labels[5] + 1) % len(images.Classes())
	for _, data := range []*dataset.Memory{less, renamed, relabelled} {
		if err := r.Train(t.Context(), b, data, Options{Steps: 2}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("others has %d images", data.Len())) || !strings.Contains(err.Error(), "the run was trained on 64 (") {
			t.Errorf("got %v", err)
		}
	}
	moved := copied() // the same from elsewhere
	for i, id := range moved.IDs {
		moved.IDs[i] = "elsewhere/" + id
	}
	trained(t, r, moved, b, Options{Steps: 2})
	if s := trained(t, r, less, b, Options{Steps: 2, Unreadable: 1}); s.Images != 64 {
		t.Errorf("nothing is left to train: %+v", s)
	}

	s, err := r.State(-1) // as it was before images were noted
	if err != nil {
		t.Fatal(err)
	}
	s.Images, s.ImagesSHA256 = 0, ""
	dir := r.checkpointDir(2)
	if err := errors.Join(writeJSON(filepath.Join(dir, stateFile), s), writeSums(dir, requiredFiles)); err != nil {
		t.Fatal(err)
	}
	if s := trained(t, r, renamed, b, Options{Steps: 3}); s.Images != 64 || s.ImagesSHA256 != imagesSHA256(renamed) {
		t.Errorf("an older checkpoint: %+v", s)
	}
}

func TestSittingsAreRemembered(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Sittings = Sittings{CheckpointEvery: 2, Keep: 4, MonitorEvery: -1}
	if err := r.Config.Save(r.configPath()); err != nil {
		t.Fatal(err)
	}
	again, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	trained(t, again, images, engine(t, ""), Options{Steps: 9})
	if steps, err := again.Steps(); err != nil || !cmp.Equal(steps, []int{4, 6, 8, 9}) {
		t.Errorf("checkpoints %v, %v", steps, err)
	}
	again.Config.Sittings.Keep = 1
	trained(t, again, images, engine(t, ""), Options{Steps: 11})
	if steps, err := again.Steps(); err != nil || !cmp.Equal(steps, []int{11}) {
		t.Errorf("checkpoints %v, %v", steps, err)
	}
}

func TestLoadNamesTheLine(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"an empty file", "# nothing\n", "is empty: want a configuration"},
		{"a misspelt key of a part", "batch: 16\nloss:\n  name: ntxent\n  temprature: 1\n", "line 4: there is no key loss.temprature"},
		{"an unknown encoder", "batch: 16\nencoder: resnet9\n", `line 2: unknown encoder "resnet9"; have`},
		{"a bad value of a part", "loss:\n  name: ntxent\n  temperature: 0\n", `line 3: loss "ntxent": temperature 0: must be > 0`},
		{"a bad value", "seed: 3\nbatch: 1\n", "line 2: batch 1: must be at least 2 images"},
		{"a bad view", "views:\n  blur:\n    p: 2\n", "line 3: views: blur: p 2: must be"},
		{"a bad schedule", "schedule:\n  epochs: .inf\n", "line 2: schedule: epochs +Inf: must be 0 to 1e9"},
		{"a word for a number", "batch: many\n", `line 1: batch is "many", want a whole number`},
		{"no YAML", "batch: [1\n", "line 1"},
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(tc.yaml), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, "", 32); err == nil || !strings.HasPrefix(err.Error(), path+" ") && !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestDivergedRunStopsWithAdvice(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	sgd, err := registry.Choose("sgd", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Config.Optimizer, r.Config.Schedule.LR = sgd, 1e30
	err = r.Train(t.Context(), engine(t, ""), images, Options{})
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "the learning rate 1e+30 is too high") {
		t.Errorf("got %v", err)
	}
	if s, err := r.State(-1); err != nil || s.Step != 0 {
		t.Errorf("the last good checkpoint is of step %d, %v", s.Step, err)
	}
}

func TestZeroEpochsIsAnUntrainedRun(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Schedule.Epochs = 0
	if s := trained(t, r, images, engine(t, ""), Options{}); s.Step != 0 || s.WeightsSHA256 == "" {
		t.Errorf("state %+v", s)
	}
}

func TestDamagedCheckpointIsNamedAndTheOneBeforeOffered(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	r.Config.Sittings.CheckpointEvery = 4
	trained(t, r, images, b, Options{})
	for _, file := range []string{modelFile, optimizerFile, stateFile, sumsFile} {
		path := filepath.Join(r.checkpointDir(13), file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), good...)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = r.Model(b, -1)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "--step 12") {
			t.Errorf("%s with one flipped bit: %v", file, err)
		}
		if err := r.Train(t.Context(), b, images, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("training on from a damaged %s: %v", file, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		want := r.checkpointDir(13) + " is damaged: " + file + " is missing; the checkpoint before it, of step 12, is whole: use --step 12"
		if _, err := r.Model(b, -1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v, want %q", file, err, want)
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(r.checkpointDir(12), stateFile)); err != nil {
		t.Fatal(err)
	}
	if err := r.DropAfter(12); !errors.Is(err, ErrDamaged) {
		t.Errorf("going back to a damaged checkpoint: %v", err)
	}
	if _, err := r.Model(b, 13); err != nil {
		t.Errorf("the checkpoint after it: %v", err)
	}
	if _, err := r.Model(b, 8); err != nil {
		t.Errorf("the checkpoint before: %v", err)
	}
}

func TestRunDirectoryIsNotOverwritten(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	if _, err := Create(r.Dir, r.Config); err == nil || !strings.Contains(err.Error(), "already holds a run") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a run") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyARunThatWasJustCreatedIsDiscarded(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	again, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(r.Dir); err != nil {
		t.Errorf("another sitting discards the run: %v", err)
	}
	if err := r.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run is still there: %v", err)
	}
}

func TestConfigSurvivesItsFile(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	again, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := r.Config.Map()
	got, _ := again.Config.Map()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("read back differently:\n%s", d)
	}
}

func TestBadConfigs(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"a misspelt key", "batchsize: 3", "there is no key batchsize; did you mean batch?"},
		{"a misspelt key of a part", "loss: {name: ntxent, temprature: 1}", "there is no key loss.temprature; did you mean temperature?"},
		{"an unknown encoder", "encoder: resnet9", `unknown encoder "resnet9"; have`},
		{"a batch larger than the data", "batch: 128", "has only 64 to train on; try --batch 64"},
		{"a bad temperature", "loss: {name: ntxent, temperature: 0}", "must be > 0"},
		{"a loss of labels", "loss: proxy_nca", "loss proxy_nca: learns from labels, which method simclr does not use"},
	} {
		c, err := Default("simclr", 32)
		if err != nil {
			t.Fatal(err)
		}
		c.Batch = 16
		err = c.Overlay([]byte(tc.yaml))
		if err == nil {
			err = c.Resolve(64, 0)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestEmbeddingDoesNotDependOnTheOthers(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	trained(t, r, images, b, Options{Steps: 2})
	m, err := r.Model(b, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []string{"h", "z"} {
		all, err := m.Embed(t.Context(), images, layer, nil)
		if err != nil {
			t.Fatal(err)
		}
		some, err := m.Embed(t.Context(), dataset.Subset(images, "", []int{50, 3}), layer, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := m.Dim(layer)
		if len(all) != 64*d || !cmp.Equal(some[:d], all[50*d:51*d]) || !cmp.Equal(some[d:], all[3*d:4*d]) {
			t.Errorf("layer %s: embeddings change with the batch", layer)
		}
	}
	if _, err := m.Embed(t.Context(), images, "y", nil); err == nil {
		t.Error("layer y is accepted")
	}
}

func TestLayoutsInvertEachOther(t *testing.T) {
	for _, dims := range [][]int{{3}, {2, 5}, {3, 2, 4, 5}} {
		n := 1
		for _, d := range dims {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i)
		}
		if back := fromTorch(toTorch(x, dims), dims); !cmp.Equal(back, x) || !cmp.Equal(inner(outer(dims)), dims) {
			t.Errorf("%v: not inverse", dims)
		}
	}
	// HWIO [1, 2, 3, 4] at (0, 1, 2, 3) is OIHW [4, 3, 1, 2] at (3, 2, 0, 1).
	x := make([]float32, 24)
	x[(1*3+2)*4+3] = 1
	if toTorch(x, []int{1, 2, 3, 4})[(3*3+2)*2+1] != 1 {
		t.Error("OIHW is not where it should be")
	}
}

// TestTrainingInBFloat16 takes the first steps in both types: nearly the same loss, and what is
// saved is float32 and resumes exactly.
func TestTrainingInBFloat16(t *testing.T) {
	run := func(dtype string, sittings ...int) (s State, loss float64) {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.DType = dtype
		for _, steps := range sittings {
			s = trained(t, r, images, engine(t, ""), Options{Steps: steps})
		}
		metrics, err := r.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		return s, metrics[len(metrics)-1].Loss
	}
	once, loss := run(DTypeBFloat16, 2)
	if again, _ := run(DTypeBFloat16, 1, 2); again.WeightsSHA256 != once.WeightsSHA256 {
		t.Error("weights differ between one sitting and two")
	}
	exact, want := run(DTypeFloat32, 2)
	if exact.WeightsSHA256 == once.WeightsSHA256 {
		t.Error("weights are those of training in float32")
	}
	if !strings.Contains(once.Engine, "/bf16=") || strings.Contains(exact.Engine, "/bf16=") {
		t.Errorf("the engine is recorded as %q, in float32 as %q", once.Engine, exact.Engine)
	}
	if math.Abs(loss-want) > 0.03*want {
		t.Errorf("loss %g after two steps, in float32 %g", loss, want)
	}
}

func TestLayersOfBlocks(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]float32{}
	for layer, dim := range map[string]int{"h": 64, "stem": 16, "layer1": 16, "layer2": 32, "layer3": 64} {
		rows[layer], err = m.Embed(t.Context(), images, layer, nil)
		if err != nil || m.Dim(layer) != dim || len(rows[layer]) != dim*images.Len() {
			t.Fatalf("layer %s: %d values, dim %d, error %v", layer, len(rows[layer]), m.Dim(layer), err)
		}
	}
	if !slices.Equal(rows["layer3"], rows["h"]) {
		t.Error("the last block is not h")
	}
	if _, err := m.Embed(t.Context(), images, "layer4", nil); err == nil || !strings.Contains(err.Error(), "a block of resnet8: stem, layer1, layer2, layer3") {
		t.Errorf("error %v", err)
	}
	f := Finetune{Epochs: 1, Batch: 16, LR: 0.1, Seed: 1}
	if s, err := f.Score(t.Context(), m, "layer1", images, images, nil); err != nil || s.Protocol.Layer != "layer1" {
		t.Errorf("fine-tuning on layer1: %+v, %v", s, err)
	}
}

// TestShortEpochsAreNotAllWritten trains epochs that take less time than lies between
// checkpoints that nobody asked for.
func TestShortEpochsAreNotAllWritten(t *testing.T) {
	for every, want := range map[int][]int{0: {0, 6}, 2: {0, 2, 4, 6}} {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Sittings = Sittings{CheckpointEvery: every, Keep: 9, MonitorEvery: -1}
		trained(t, r, images, engine(t, ""), Options{Steps: 6})
		if steps, err := r.Steps(); err != nil || !cmp.Equal(steps, want) {
			t.Errorf("checkpoint_every %d: checkpoints %v, %v, want %v", every, steps, err, want)
		}
	}
}
