package cli

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"alike/augment"
	"alike/backend"
	"alike/backend/simd"
	"alike/encoder"
	"alike/internal/registry"
	"alike/train"
)

// networkFlags say which network is timed, and how.
type networkFlags struct {
	encoder     string
	dtype       string
	size, steps int
	profile     bool
	asJSON      *bool
}

func (f *networkFlags) add(c *cobra.Command, encoder string, size int) {
	c.Flags().StringVar(&f.encoder, "encoder", encoder, "network")
	c.Flags().StringVar(&f.dtype, "dtype", train.DTypeFloat32, "type in which it computes: fp32 or bf16")
	c.Flags().IntVar(&f.size, "size", size, "side of the images")
	c.Flags().IntVar(&f.steps, "steps", 5, "timed runs; the median counts")
	c.Flags().BoolVar(&f.profile, "profile", false, "print where the time goes, operation by operation")
	f.asJSON = jsonFlag(c)
}

// config is the SimCLR configuration of a network on so many random images.
func (f *networkFlags) config(images int, encoder registry.Choice) (*train.Config, error) {
	if f.steps < 1 {
		return nil, misuse("--steps %d: must be at least 1", f.steps)
	}
	cfg, err := train.Default("simclr", f.size)
	if err != nil {
		return nil, err
	}
	cfg.Data, cfg.Encoder, cfg.Batch, cfg.DType = "random pixels", encoder, images, f.dtype
	cfg.Head, cfg.Optimizer = registry.Choice{Name: "bench"}, registry.Choice{Name: "sgd"}
	if err := cfg.Resolve(images, 0); err != nil {
		return nil, usageError{err}
	}
	return &cfg, nil
}

// timing is a median time and how many images it was for.
type timing func(ctx context.Context, b compute.Backend, c *train.Config, steps int) (time.Duration, error)

// benchNetwork times and prints.
func (a *app) benchNetwork(ctx context.Context, f *networkFlags, c *train.Config, what string, images int, run timing) error {
	engine, err := backend.Open(a.backend)
	if err != nil {
		return usageError{err}
	}
	defer engine.Finalize()
	profiled, ok := engine.(*simd.Backend)
	if f.profile && !ok {
		return misuse("--profile is for the backend simd, not %s", engine.Name())
	}
	if f.profile {
		profiled.StartProfile()
	}
	median, err := run(ctx, engine, c, f.steps)
	if err != nil {
		return err
	}
	rate := float64(images) / median.Seconds()
	if *f.asJSON {
		return a.printJSON(map[string]any{
			"images_per_s": rate, what + "_seconds": median.Seconds(), "encoder": f.encoder, "batch_images": images, "size": f.size,
			"dtype": f.dtype, "backend": c.EngineVariant(engine), "threads": runtime.GOMAXPROCS(0), "peak_memory_bytes": train.PeakMemory(),
		})
	}
	fmt.Fprintf(a.stdout, "%s in %s, %d images of %d, %s: median %s %s, %.1f images/s, %d MiB of memory at most\n",
		f.encoder, f.dtype, images, f.size, engine.Description(), what, median.Round(time.Millisecond), rate, train.PeakMemory()>>20)
	if f.profile {
		a.printProfile(profiled, f.steps+1)
	}
	return nil
}

func (a *app) benchStep() *cobra.Command {
	var f networkFlags
	c := &cobra.Command{
		Use:     "step",
		Short:   "Time a SimCLR training step",
		Long:    "Time a SimCLR training step of the network that peers are timed with: identity shortcuts, CIFAR stem up to 32 pixels, head Linear-BN-ReLU-Linear, SGD with momentum.",
		Example: "  alike bench step\n  alike bench step --encoder resnet18 --pairs 64 --profile",
		Args:    exactly(),
	}
	f.add(c, "resnet8", 32)
	pairs := c.Flags().Int("pairs", 256, "images per step, two views each")
	chunk := c.Flags().Int("chunk", 0, "images that are embedded at a time (default: all)")
	again := c.Flags().Bool("checkpoint-blocks", false, "compute the inside of the encoder's blocks again in the backward pass")
	c.RunE = func(c *cobra.Command, _ []string) error {
		stem := encoder.StemImageNet
		if f.size <= augment.SmallSide {
			stem = encoder.StemCIFAR
		}
		identity, err := registry.Choose(f.encoder, map[string]string{"shortcut": encoder.ShortcutIdentity, "stem": stem})
		if err != nil {
			return err
		}
		cfg, err := f.config(*pairs, identity)
		if err != nil {
			return err
		}
		cfg.Chunk, cfg.CheckpointBlocks = *chunk, *again
		if err := cfg.Validate(); err != nil {
			return usageError{err}
		}
		return a.benchNetwork(c.Context(), &f, cfg, "step", 2**pairs, train.TimeStep)
	}
	return c
}

func (a *app) benchForward() *cobra.Command {
	var f networkFlags
	c := &cobra.Command{
		Use:     "forward",
		Short:   "Time an encoder in inference",
		Example: "  alike bench forward\n  alike bench forward --encoder resnet18 --size 32 --batch 256 --profile",
		Args:    exactly(),
	}
	f.add(c, "resnet50", 224)
	batch := c.Flags().Int("batch", 8, "images at a time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := f.config(*batch, registry.Choice{Name: f.encoder})
		if err != nil {
			return err
		}
		return a.benchNetwork(c.Context(), &f, cfg, "forward", *batch, train.TimeForward)
	}
	return c
}
