package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"alike/dataset"
	"alike/dataset/builtin"
	"alike/eval"
	"alike/method"
)

// painted are images whose colour says their class.
func painted(n int, classes []string) *dataset.Memory {
	d := &dataset.Memory{Title: "painted", Names: classes}
	for i := range n {
		img := dataset.Image{Width: 32, Height: 32, Pix: make([]uint8, 3*32*32)}
		for p := range img.Pix {
			if p%3 == i%len(classes) {
				img.Pix[p] = uint8(150 + (p*7+i*13)%100)
			}
		}
		d.Images, d.Labels = append(d.Images, img), append(d.Labels, i%len(classes))
	}
	return d
}

func TestFinetuneLearnsColours(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	before, err := collect(m.store, "")
	if err != nil {
		t.Fatal(err)
	}
	classes := []string{"red", "green", "blue"}
	for _, frozen := range []bool{false, true} {
		f := Finetune{Frozen: frozen, Epochs: 12, Batch: 16, LR: 0.8, Seed: 1}
		steps := 0
		s, err := f.Score(t.Context(), m, method.LayerH, painted(48, classes), painted(30, classes), func(p Progress) { steps++ })
		if err != nil {
			t.Fatal(err)
		}
		if s.Value < 0.95 || len(s.Outcomes) != 30 || steps != 37 || s.CI95 == nil {
			t.Errorf("frozen %t: accuracy %g of colours after %d steps", frozen, s.Value, steps)
		}
		if want := map[bool]string{false: "finetune_accuracy", true: "linear_accuracy"}[frozen]; s.Metric != want {
			t.Errorf("metric %s, want %s", s.Metric, want)
		}
	}
	after, err := collect(m.store, "")
	if err != nil {
		t.Fatal(err)
	}
	if weightsSHA256(before) != weightsSHA256(after) {
		t.Error("fine-tuning has changed the model that it was given")
	}
}

func TestOnlyWhatIsNotFrozenLearns(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	before, err := collect(m.store, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, frozen := range []bool{false, true} {
		f := Finetune{Frozen: frozen, Epochs: 6, Batch: 8, LR: 2, Seed: 1}
		c, err := m.classifier(f, method.LayerH, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if err := c.train(t.Context(), f, painted(16, []string{"a", "b", "c"}), nil); err != nil {
			t.Fatal(err)
		}
		after, err := collect(c.store, "")
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range before {
			inEncoder := !strings.HasPrefix(name, headScope+".")
			if changed := !slices.Equal(b.data, after[name].data); changed != (inEncoder && !frozen) {
				t.Errorf("frozen %t: %s has changed: %t", frozen, name, changed)
			}
		}
		if after[classifierScope+".weight"].data == nil || slices.Max(after[classifierScope+".weight"].data) == 0 {
			t.Errorf("frozen %t: the classifier has not moved", frozen)
		}
	}
}

func TestFinetuneGivesTheSameBits(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	queries, err := builtin.Sprites(t.Context(), dataset.Test, 40, 1)
	if err != nil {
		t.Fatal(err)
	}
	var first eval.Score
	for _, name := range []string{"simd:workers=1", "simd:workers=3"} {
		m, err := r.Untrained(engine(t, name))
		if err != nil {
			t.Fatal(err)
		}
		f := Finetune{Epochs: 2, Batch: 16, LR: 0.1, Seed: 3}
		c, err := m.classifier(f, method.LayerZ, len(images.Classes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.train(t.Context(), f, images, nil); err != nil {
			t.Fatal(err)
		}
		weights, err := collect(c.store, "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Score(t.Context(), m, method.LayerZ, images, queries, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Notes = []string{weightsSHA256(weights)}
		if first.Notes == nil {
			first = s
		}
		if d := cmp.Diff(first, s, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s (-first +this):\n%s", name, d)
		}
	}
}

func TestFinetuneGoesOnWhereItWas(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, frozen := range []bool{false, true} {
		f := Finetune{Frozen: frozen, Epochs: 2, Batch: 16, LR: 0.1, Seed: 3}
		total := f.schedule(images.Len()).Total()
		train := func(f Finetune, stopAt int) (weights string, first int, err error) {
			c, err := m.classifier(f, method.LayerH, len(images.Classes()))
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			err = c.train(ctx, f, images, func(p Progress) {
				if first == 0 {
					first = p.Step
				}
				if p.Step == stopAt {
					stop()
				}
			})
			blobs, err2 := collect(c.store, "")
			return weightsSHA256(blobs), first, errors.Join(err, err2)
		}
		want, _, err := train(f, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Dir = filepath.Join(t.TempDir(), "finetune", "key")
		if _, _, err := train(f, total/3); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the same command goes on") {
			t.Fatalf("stopped with %v", err)
		}
		got, first, err := train(f, 0)
		if err != nil || got != want {
			t.Errorf("frozen %t: after a stop it has weights %.12s, want %.12s; error %v", frozen, got, want, err)
		}
		if first != total/3+1 {
			t.Errorf("frozen %t: it goes on with step %d, was stopped at %d", frozen, first, total/3)
		}
		steps, err := checkpointSteps(f.Dir)
		if err != nil || len(steps) != 1 {
			t.Fatalf("checkpoints %d, error %v", steps, err)
		}
		if err := os.Truncate(filepath.Join(checkpointPath(f.Dir, steps[0]), modelFile), 100); err != nil {
			t.Fatal(err)
		}
		if got, first, err := train(f, 0); err != nil || got != want || first != 1 {
			t.Errorf("frozen %t: beside a damaged checkpoint it begins with step %d, weights %.12s, want %.12s; error %v", frozen, first, got, want, err)
		}
		measured, err := f.Score(t.Context(), m, method.LayerH, images, images, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := f.Score(t.Context(), m, method.LayerH, images, images, func(Progress) { t.Error("what was trained to its end is trained again") })
		if err != nil || again.Value != measured.Value {
			t.Errorf("frozen %t: measured again %g, want %g; error %v", frozen, again.Value, measured.Value, err)
		}
	}
}

func TestFinetuneStopsAndRefuses(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	good := Finetune{Epochs: 1, Batch: 16, LR: 0.1, Seed: 1}
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := good.Score(ctx, m, method.LayerH, images, images, nil); !errors.Is(err, cause) || !strings.Contains(err.Error(), "nothing is kept") {
		t.Errorf("error %v", err)
	}
	for want, f := range map[string]Finetune{
		"batch 0: must be at least 1": {Epochs: 1, LR: 0.1},
		"epochs 0: must be > 0":       {Batch: 1, LR: 0.1},
		"lr":                          {Batch: 1, Epochs: 1},
		"weight_decay":                {Batch: 1, Epochs: 1, LR: 1, WeightDecay: -1},
	} {
		if _, err := f.Score(t.Context(), m, method.LayerH, images, images, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	one := painted(4, []string{"red"})
	if _, err := good.Score(t.Context(), m, method.LayerH, one, one, nil); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("error %v of one class", err)
	}
	wild := good
	wild.LR, wild.Epochs = 1e6, 5
	if _, err := wild.Score(t.Context(), m, method.LayerH, images, images, nil); err != nil && !errors.Is(err, ErrDiverged) {
		t.Errorf("error %v", err)
	}
}
