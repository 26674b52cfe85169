package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/dataset"
	"alike/eval"
	"alike/internal/rng"
)

func (a *app) benchAugment() *cobra.Command {
	c := &cobra.Command{
		Use:     "augment",
		Short:   "Time views on one core, SimCLR's unless --steps says otherwise",
		Example: "  alike bench augment\n  alike bench augment --size-in 224 --size-out 224 --json\n  alike bench augment --steps \"crop(0.2) flip sobel\"",
		Args:    exactly(),
	}
	in := c.Flags().Int("size-in", 32, "side of the images")
	out := c.Flags().Int("size-out", 32, "side of the views; above 32 the recipe has blur")
	n := c.Flags().Int("views", 0, "views to make (default: about a second's)")
	steps := c.Flags().String("steps", "", "how the views are made, as --views of train")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *in < 1 || *out < 1 || *n < 0 {
			return misuse("--size-in, --size-out and --views must be at least 1")
		}
		config, err := parseViews(*steps, augment.SimCLR(*out))
		if err != nil {
			return misuse("--steps: %w", err)
		}
		p, err := augment.New(config, *out)
		if err != nil {
			return err
		}
		rate := benchViews(c.Context(), p, *in, *out, *n)
		if c.Context().Err() != nil {
			return context.Cause(c.Context())
		}
		if *asJSON {
			return a.printJSON(map[string]any{"views_per_s": rate, "size_in": *in, "size_out": *out, "blur": blurs(config), "threads": 1})
		}
		fmt.Fprintf(a.stdout, "%d -> %d, blur %v: %.0f views/s on one core\n", *in, *out, blurs(config), rate)
		return nil
	}
	return c
}

// blurs reports whether views may be blurred, which costs most.
func blurs(c augment.Config) bool {
	return slices.ContainsFunc(c, func(s augment.Step) bool {
		b, ok := s.(*augment.Blur)
		return ok && b.P > 0
	})
}

func benchViews(ctx context.Context, p *augment.Pipeline, in, out, n int) float64 {
	images := make([]dataset.Image, 64)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range images {
		images[i] = dataset.Image{Width: in, Height: in, Pix: make([]uint8, 3*in*in)}
		for k := range images[i].Pix {
			images[i].Pix[k] = uint8(r.IntN(256))
		}
	}
	var scratch augment.Scratch
	stream, dst := rng.New(), make([]float32, 3*out*out)
	start, done := time.Now(), 0
	for ; ctx.Err() == nil && (done < n || n == 0 && time.Since(start) < time.Second); done++ {
		stream.Reset(rng.View, 1, 0, uint64(done), 0)
		p.View(dst, images[done%len(images)], stream, &scratch)
	}
	return float64(done) / time.Since(start).Seconds()
}

func (a *app) benchKNN() *cobra.Command {
	c := &cobra.Command{
		Use:     "knn",
		Short:   "Time exact weighted kNN",
		Example: "  alike bench knn\n  alike bench knn --gallery 50000 --queries 10000 --dim 512 --k 200 --json",
		Args:    exactly(),
	}
	gallery := c.Flags().Int("gallery", 50000, "embeddings that are searched")
	queries := c.Flags().Int("queries", 10000, "embeddings that are classified")
	dim := c.Flags().Int("dim", 512, "values of an embedding")
	k := c.Flags().Int("k", 200, "neighbours that vote")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if min(*gallery, *queries, *dim, *k) < 1 {
			return misuse("--gallery, --queries, --dim and --k must be at least 1")
		}
		bank, q := randomFeatures(*gallery, *dim, 1), randomFeatures(*queries, *dim, 2)
		m := eval.KNN{K: *k, Temperature: eval.DefaultKNN().Temperature}
		start := time.Now()
		if _, err := m.Predict(c.Context(), bank, q); err != nil {
			return err
		}
		took := time.Since(start)
		if *asJSON {
			return a.printJSON(map[string]any{"seconds": took.Seconds(), "gallery": *gallery, "queries": *queries, "dim": *dim, "k": *k, "threads": runtime.GOMAXPROCS(0)})
		}
		fmt.Fprintf(a.stdout, "%d queries against %d of %d values, k = %d: %s\n", *queries, *gallery, *dim, *k, took.Round(time.Millisecond))
		return nil
	}
	return c
}

func randomFeatures(n, d int, seed uint64) *eval.Features {
	r := rand.New(rand.NewPCG(seed, 0))
	f := &eval.Features{N: n, D: d, Data: make([]float32, n*d), Labels: make([]int, n)}
	for i := range f.Data {
		f.Data[i] = float32(r.NormFloat64())
	}
	for i := range f.Labels {
		f.Labels[i] = i % 10
	}
	return f
}
