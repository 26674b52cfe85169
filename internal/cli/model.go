package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"alike"
	"alike/eval"
	"alike/method"
)

// modelFlags choose the embedding of a run, or of a file of ONNX.
type modelFlags struct {
	layer      string
	step       int
	preprocess string
}

// add adds the flags of what a run or a file gives.
func (f *modelFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.preprocess, "preprocess", "", `how a MODEL.onnx wants its images, e.g. "size=224 resize=256 mean=0.5 std=0.5" (default: what it or a file beside it says, else ImageNet's; docs/interop.md)`)
	f.addOfRun(c)
}

// addOfRun adds the flags of what a run gives.
func (f *modelFlags) addOfRun(c *cobra.Command) {
	c.Flags().StringVar(&f.layer, "layer", "", "the embedding: h (representation), z (projection) or a block of the encoder, averaged over its pixels (layer1, layer1.0, stem, inception_3a); of a MODEL.onnx, a tensor or \"penultimate\"; default: what the method declares")
	complete(c, "layer", []string{method.LayerH, method.LayerZ, "layer1", "layer2", "layer3", "layer4"})
	stepFlag(c, &f.step, "checkpoint to use, by its step (default: the last; 0: the untrained network)")
}

// lastStep is the step of a command without --step: the last.
const lastStep = -1

// stepFlag adds --step.
func stepFlag(c *cobra.Command, step *int, usage string) {
	c.Flags().IntVar(step, "step", lastStep, usage)
	c.Flags().Lookup("step").DefValue = "0" // the usage says what the default is
}

// options are those of the library.
func (f modelFlags) options(backend string) alike.Options {
	return alike.Options{Step: max(0, f.step), First: f.step == 0, Layer: f.layer, Preprocess: f.preprocess, Backend: backend}
}

func (a *app) model(dir string, f modelFlags) (*alike.Model, error) {
	if f.step < lastStep {
		return nil, misuse("--step %d: must be at least 0", f.step)
	}
	return alike.Open(dir, f.options(a.backend))
}

// features embeds a split with a progress bar.
func (a *app) features(ctx context.Context, m *alike.Model, d hashed) (*eval.Features, error) {
	bar := a.progress("embedding "+d.Name(), d.Len())
	defer bar.done()
	f, err := eval.Room(a.memory.room).Features(d, m.Dim())
	if err != nil {
		return nil, err
	}
	err = m.EmbedEach(ctx, d, 0, func(i int, h []float32, err error) error {
		copy(f.Row(i), h)
		if done := i + 1; done%256 == 0 || done == d.Len() {
			bar.at(done, fmt.Sprintf("of %d", d.Len()))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.Layer, f.Set.Split = m.Layer(), d.split
	d.sign(&f.Set)
	return f, nil
}
