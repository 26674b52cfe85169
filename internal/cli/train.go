package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/backend"
	"alike/dataset"
	"alike/encoder"
	"alike/head"
	"alike/loss"
	"alike/method"
	"alike/optimize"
	"alike/train"
)

func (a *app) train() *cobra.Command {
	names := strings.Join(method.Methods.Names(), "|")
	c := &cobra.Command{
		Use:   "train " + names,
		Short: "Train an embedding",
		Long: `Train an embedding with a method, by default with its paper's recipe for the
size of the images. Flags and --set override the recipe; the resolved
configuration is saved in the run directory, --verbose prints it.

` + recipes(),
		Example: `  alike train simclr --data builtin:sprites --encoder resnet8 --batch 256 --epochs 5
  alike train simclr --data cifar-10-binary.tar.gz --encoder resnet18 --epochs 200
  alike train simclr --data photos/ --set loss.temperature=0.2 --set views.blur.p=0
  alike train ice --data cub-200.tar.gz --classes "<=100" --batch 60 --per-class 3
  alike train metric --loss supcon --data photos/
  alike train simclr --data photos/ --views "crop(0.08, 1) flip jitter(0.5) gray(0.2)"
  alike train simclr --data cub-200.tar.gz --classes "<=100"
  alike train ice --data photos/ --epochs 20 --seeds 5
  alike train ice --data photos/ --encoder resnet50 --init resnet50.pth --freeze "conv1,bn1,layer[12],*.running_*" --lr-scale encoder=0.1
  alike train ice --from-features photos.npy
  alike train --config runs/simclr-resnet8/config.yaml --out runs/again`,
	}
	var (
		data    dataFlags
		sitting sittingFlags
		flags   = c.Flags()
		config  = flags.String("config", "", "configuration file; flags override it")
		out     = flags.String("out", "", "run directory (default: runs/METHOD-ENCODER)")
		set     = flags.StringArray("set", nil, "set any key of the configuration, e.g. loss.temperature=0.1")
		only    = flags.String("split", "", "split to train on, e.g. unlabeled (default: train, or all where there are no splits)")
		dryRun  = flags.Bool("dry-run", false, "say what the run will need, and stop")
		verbose = flags.Bool("verbose", false, "print the whole configuration")
	)
	data.add(c)
	sitting.add(c)
	features := flags.String("from-features", "", "file of features of a frozen encoder that takes the place of images: FILE.npy, as 'alike embed' or numpy.save write it")
	flags.Int("size", 0, "side of the views in pixels (default: the images' shorter side, at most 224)")
	flags.String("views", "", "how views are made: steps in their order, e.g. \"crop(0.08, 1) flip blur(p=0.5)\" ('alike list augmentations')")
	flags.String("encoder", "", "network ('alike list encoders'; default: the recipe's, see above)")
	flags.String("init", "", "run, or file of weights (safetensors, or of PyTorch), whose encoder's weights this run begins with")
	flags.StringSlice("freeze", nil, `weights that keep what they begin with: "encoder", a part as "layer1", or a glob as "*.running_*", which fixes batch norms' statistics`)
	flags.StringSlice("lr-scale", nil, "factor of the learning rate of some weights, e.g. layer4=0.1 or encoder=0.01")
	flags.String("head", "", "projection head ('alike list heads')")
	flags.String("loss", "", "loss ('alike list losses')")
	flags.String("optimizer", "", "update rule ('alike list optimizers')")
	flags.Int("batch", 0, "images per step (default: the recipe's, see above)")
	flags.Int("chunk", 0, "images that are embedded at a time: the loss is the whole batch's, the memory a chunk's, batch norm sees chunks (default: the whole batch)")
	flags.Bool("checkpoint-blocks", false, "compute the inside of the encoder's blocks again in the backward pass: less memory, the same weights")
	flags.Int("per-class", 0, "images of each class in a batch, for methods that learn from labels; 0 draws without regard to classes")
	flags.Float64("epochs", 0, "passes over the images (default: the recipe's, see above); 0 writes an untrained run")
	flags.Float64("warmup-epochs", 0, "passes in which the learning rate rises")
	flags.Float64("lr", 0, "learning rate before scaling with the batch")
	flags.String("scaling", "", "scaling of the learning rate with the batch: linear, sqrt or none")
	flags.String("dtype", train.DTypeFloat32, "type in which the encoder is trained: fp32, or bf16 with weights, statistics and loss in fp32")
	flags.String("pixels", train.PixelsFloat32, "type in which views travel to the engine: float32, or uint8, rounded to 256 levels, a quarter of the bytes")
	flags.Uint64("seed", 1, "seed of everything random")
	repeats := flags.Int("seeds", 1, "runs with as many seeds, from --seed on, in RUN/seed-N each; says the mean and its interval")
	c.ValidArgs = method.Methods.Names()
	complete(c, "encoder", encoder.Encoders.Names())
	complete(c, "head", head.Heads.Names())
	complete(c, "loss", loss.Losses.Names())
	complete(c, "optimizer", optimize.Optimizers.Names())
	complete(c, "scaling", []string{optimize.ScalingLinear, optimize.ScalingSqrt, optimize.ScalingNone})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := sitting.validate(); err != nil {
			return err
		}
		if *repeats < 1 {
			return misuse("--seeds %d: must be at least 1", *repeats)
		}
		name, err := methodName(args, *config)
		if err != nil {
			return err
		}
		if *features != "" {
			if data.spec != "" {
				return misuse("--from-features %s takes the place of --data %s: give one of them", *features, data.spec)
			}
			data.spec = "features:" + *features
		}
		if *config != "" {
			saved, err := train.Load(*config, name, largestSize)
			if err != nil {
				return err
			}
			data.spec = cmp.Or(data.spec, saved.Data)
			if data.spec == saved.Data {
				*only = cmp.Or(*only, saved.Split)
			}
			data.classes = cmp.Or(data.classes, saved.Classes)
		}
		source, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		images, split, err := source.Training()
		if *only != "" {
			split = *only
			images, err = source.Split(split)
		}
		if err != nil {
			return err
		}
		cfg, err := a.configure(c, name, *config, images)
		if err != nil {
			return err
		}
		cfg.Data, cfg.Split, cfg.Classes = data.spec, split, data.classes
		cfg.Base = nil
		if f, _ := dataset.FeaturesOf(images, 0); f != nil {
			if cfg.Base, err = baseOf(strings.TrimPrefix(data.spec, "features:"), f.Dim()); err != nil {
				return err
			}
		}
		sitting.overlay(&cfg.Sittings)
		if err := setKeys(&cfg, *set); err != nil {
			return err
		}
		chosen, err := choosesWarmUp(flags, *set, *config)
		if err != nil {
			return err
		}
		a.warmUp(&cfg.Schedule, chosen)
		if err := cfg.Resolve(images.Len(), len(images.Classes())); err != nil {
			return err
		}
		if *out == "" {
			*out = filepath.Join("runs", cfg.Method.Name+"-"+cfg.Encoder.Name)
		}
		if err := a.summarise(cfg, images, *verbose); err != nil {
			return err
		}
		engine, err := backend.Open(a.backend)
		if err != nil {
			return usageError{err}
		}
		defer engine.Finalize()
		if *dryRun {
			plan, err := (&train.Run{Dir: *out, Config: cfg}).Plan(engine)
			if err == nil {
				fmt.Fprintln(a.stdout, plan)
			}
			return err
		}
		var dirs []string
		for range *repeats {
			run, err := train.Create(seedDir(*out, cfg.Seed, *repeats > 1), cfg)
			if err != nil {
				return err
			}
			plan, err := a.plan(run, engine, images)
			if err != nil {
				return errors.Join(err, run.Discard())
			}
			if err := a.runTraining(c.Context(), run, plan, engine, source, images, data, sitting); err != nil {
				return err
			}
			dirs = append(dirs, run.Dir)
			cfg.Seed++
		}
		if *repeats > 1 {
			return a.sayMonitored(dirs)
		}
		return nil
	}
	return c
}

// methodName is the method that the arguments or the configuration name.
func methodName(args []string, config string) (string, error) {
	switch {
	case len(args) > 1:
		return "", misuse("train takes one method, not %q", args)
	case len(args) == 1:
		if _, err := method.Methods.Default(args[0]); err != nil {
			return "", usageError{err}
		}
		return args[0], nil
	case config == "":
		return "", misuse("train needs a method (%s) or --config", strings.Join(method.Methods.Names(), ", "))
	}
	return "", nil
}

// recipes says what the methods' papers choose.
func recipes() string {
	var b strings.Builder
	b.WriteString("The recipes:\n")
	recipe := func(name string, side int) string {
		c, _ := train.Default(name, side) // the name is registered
		return fmt.Sprintf("encoder %s, %g epochs, batches of %d images", c.Encoder.Name, c.Schedule.Epochs, c.Batch)
	}
	for _, name := range method.Methods.Names() {
		small, large := recipe(name, augment.SmallSide), recipe(name, augment.SmallSide+1)
		if small == large {
			fmt.Fprintf(&b, "  %s: %s\n", name, small)
			continue
		}
		fmt.Fprintf(&b, "  %s, up to %d pixels: %s\n  %s, above: %s\n", name, augment.SmallSide, small, name, large)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// complete offers names where the shell completes a flag.
func complete(c *cobra.Command, flag string, names []string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is not there
	}
}

// summarise says what will be trained, in short or whole.
func (a *app) summarise(cfg train.Config, images dataset.Dataset, whole bool) error {
	if whole {
		document, err := cfg.YAML()
		a.say("%s", document)
		return err
	}
	s := cfg.Schedule
	seen := fmt.Sprintf("seen at %d x %d pixels", cfg.Size, cfg.Size)
	if f, _ := dataset.FeaturesOf(images, 0); f != nil {
		seen = fmt.Sprintf("each %d vectors of %d values", f.Views(), f.Dim())
	}
	a.say("%s on %d images of %s, %s", cfg.Method.Name, images.Len(), images.Name(), seen)
	a.say("%s, head %s, loss %s, %s with learning rate %.4g, %g epochs in batches of %d images, seed %d",
		cfg.Encoder.Name, cfg.Head.Name, cmp.Or(cfg.Loss.Name, "of the method"), cfg.Optimizer.Name, s.Peak(), s.Epochs, cfg.Batch, cfg.Seed)
	return nil
}
