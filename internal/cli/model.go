package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"alike"
	"alike/eval"
)

// modelFlags choose the embedding of a run.
type modelFlags struct {
	layer string
	step  int
}

func (f *modelFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.layer, "layer", "", "the embedding: h (representation) or z (projection); default: what the method declares")
	c.Flags().IntVar(&f.step, "step", 0, "checkpoint to use, by its step (default: the last)")
}

func (a *app) model(dir string, f modelFlags) (*alike.Model, error) {
	return alike.Open(dir, alike.Options{Step: f.step, Layer: f.layer, Backend: a.backend})
}

// features embeds a split with a progress bar.
func (a *app) features(ctx context.Context, m *alike.Model, d hashed) (*eval.Features, error) {
	bar := a.progress("embedding "+d.Name(), d.Len())
	defer bar.done()
	f, err := m.Features(ctx, d, d.split, func(done int) { bar.at(done, fmt.Sprintf("of %d", d.Len())) })
	if err != nil {
		return nil, err
	}
	d.sign(f)
	return f, nil
}
