package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"alike/backend"
	"alike/dataset"
	"alike/internal/registry"
	"alike/method"
	"alike/train"
)

// largestSize is the largest default side of views.
const largestSize = 224

// sittingFlags are about how long a command trains, not what comes out.
type sittingFlags struct {
	steps, checkpointEvery, keep, monitorEvery int
	minutes                                    float64
}

func (f *sittingFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.steps, "steps", 0, "stop after this step; the schedule stays as it is (default: its last)")
	c.Flags().Float64Var(&f.minutes, "max-minutes", 0, "stop after this time; the schedule stays as it is")
	c.Flags().IntVar(&f.checkpointEvery, "checkpoint-every", 0, "steps between checkpoints (default: one an epoch)")
	c.Flags().IntVar(&f.keep, "keep", 3, "checkpoints that are kept")
	c.Flags().IntVar(&f.monitorEvery, "monitor-every", 0, "steps between kNN measurements on a fixed subset (default: one an epoch; -1: none)")
}

// validate refuses numbers that mean nothing, before anything is read or written.
func (f *sittingFlags) validate() error {
	switch {
	case f.steps < 0:
		return misuse("--steps %d: must be at least 1", f.steps)
	case !(f.minutes >= 0):
		return misuse("--max-minutes %g: must be > 0", f.minutes)
	case f.checkpointEvery < 0:
		return misuse("--checkpoint-every %d: must be at least 1", f.checkpointEvery)
	case f.keep < 1:
		return misuse("--keep %d: must be at least 1", f.keep)
	}
	return nil
}

func (a *app) train() *cobra.Command {
	names := strings.Join(method.Methods.Names(), "|")
	c := &cobra.Command{
		Use:   "train " + names,
		Short: "Train an embedding",
		Long: `Train an embedding with a method, by default with its paper's recipe for the
size of the images. Flags and --set override the recipe; the resolved
configuration is printed and saved in the run directory.`,
		Example: `  alike train simclr --data builtin:sprites --encoder resnet8 --batch 256 --epochs 5
  alike train simclr --data cifar-10-binary.tar.gz --encoder resnet18 --epochs 200
  alike train simclr --data photos/ --set loss.temperature=0.2 --set views.blur.p=0
  alike train simclr --data photos/ --views "crop(0.08, 1) flip jitter(0.5) gray(0.2)"
  alike train simclr --data cub-200.tar.gz --classes "<=100"
  alike train --config runs/simclr-resnet8/config.yaml --out runs/again`,
	}
	var (
		data    dataFlags
		sitting sittingFlags
		flags   = c.Flags()
		config  = flags.String("config", "", "configuration file; flags override it")
		out     = flags.String("out", "", "run directory (default: runs/METHOD-ENCODER)")
		set     = flags.StringArray("set", nil, "set any key of the configuration, e.g. loss.temperature=0.1")
		dryRun  = flags.Bool("dry-run", false, "say what the run will need, and stop")
	)
	data.add(c)
	sitting.add(c)
	flags.Int("size", 0, "side of the views in pixels (default: the images' shorter side, at most 224)")
	flags.String("views", "", "how views are made: steps in their order, e.g. \"crop(0.08, 1) flip blur(p=0.5)\" ('alike list augmentations')")
	flags.String("encoder", "", "network ('alike list encoders')")
	flags.String("head", "", "projection head ('alike list heads')")
	flags.String("loss", "", "loss ('alike list losses')")
	flags.String("optimizer", "", "update rule ('alike list optimizers')")
	flags.Int("batch", 0, "images per step")
	flags.Float64("epochs", 0, "passes over the images; 0 writes an untrained run")
	flags.Float64("warmup-epochs", 0, "passes in which the learning rate rises")
	flags.Float64("lr", 0, "learning rate before scaling with the batch")
	flags.String("scaling", "", "scaling of the learning rate with the batch: linear, sqrt or none")
	flags.Uint64("seed", 1, "seed of everything random")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := sitting.validate(); err != nil {
			return err
		}
		name, err := methodName(args, *config)
		if err != nil {
			return err
		}
		if *config != "" {
			file, err := train.Load(*config, 0)
			if err != nil {
				return err
			}
			data.spec = cmp.Or(data.spec, file.Data)
			data.classes = cmp.Or(data.classes, file.Classes)
		}
		source, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		images, split, err := source.Training()
		if err != nil {
			return err
		}
		cfg, err := a.configure(c, name, *config, images)
		if err != nil {
			return err
		}
		cfg.Data, cfg.Split, cfg.Classes = data.spec, split, data.classes
		if err := setKeys(&cfg, *set); err != nil {
			return err
		}
		if err := cfg.Resolve(images.Len()); err != nil {
			return err
		}
		if *out == "" {
			*out = filepath.Join("runs", cfg.Method.Name+"-"+cfg.Encoder.Name)
		}
		document, err := cfg.YAML()
		if err != nil {
			return err
		}
		a.say("%s", document)
		engine, err := backend.Open(a.backend)
		if err != nil {
			return usageError{err}
		}
		defer engine.Finalize()
		run := &train.Run{Dir: *out, Config: cfg}
		if !*dryRun {
			if run, err = train.Create(*out, cfg); err != nil {
				return err
			}
		}
		return a.runTraining(c.Context(), run, engine, source, images, sitting, *dryRun)
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

// configure makes the configuration of the recipe or the file, and the flags.
func (a *app) configure(c *cobra.Command, name, file string, images dataset.Dataset) (train.Config, error) {
	flags := c.Flags()
	size, _ := flags.GetInt("size")
	if size == 0 {
		st, err := shorterSide(images)
		if err != nil {
			return train.Config{}, err
		}
		size = min(st, largestSize)
	}
	var cfg train.Config
	var err error
	if file == "" {
		cfg, err = train.Default(name, size)
	} else {
		cfg, err = train.Load(file, size)
	}
	if err != nil {
		return cfg, err
	}
	if flags.Changed("size") {
		cfg.Size = size
	}
	if value, _ := flags.GetString("views"); value != "" {
		if cfg.Views, err = parseViews(value, cfg.Views); err != nil {
			return cfg, misuse("--views: %w", err)
		}
	}
	for flag, choice := range map[string]*registry.Choice{"encoder": &cfg.Encoder, "head": &cfg.Head, "loss": &cfg.Loss, "optimizer": &cfg.Optimizer} {
		if value, _ := flags.GetString(flag); value != "" && value != choice.Name {
			*choice = registry.Choice{Name: value}
		}
	}
	for flag, field := range map[string]*float64{"epochs": &cfg.Schedule.Epochs, "warmup-epochs": &cfg.Schedule.WarmupEpochs, "lr": &cfg.Schedule.LR} {
		if flags.Changed(flag) {
			*field, _ = flags.GetFloat64(flag)
		}
	}
	if flags.Changed("batch") {
		cfg.Batch, _ = flags.GetInt("batch")
	}
	if flags.Changed("seed") {
		cfg.Seed, _ = flags.GetUint64("seed")
	}
	if value, _ := flags.GetString("scaling"); value != "" {
		cfg.Schedule.Scaling = value
	}
	// A run shorter than its warm-up would never reach its learning rate.
	if file == "" && !flags.Changed("warmup-epochs") && cfg.Schedule.WarmupEpochs > cfg.Schedule.Epochs/10 {
		cfg.Schedule.WarmupEpochs = cfg.Schedule.Epochs / 10
		a.say("the warm-up is shortened to %g epochs, a tenth of the run; --warmup-epochs sets it", cfg.Schedule.WarmupEpochs)
	}
	return cfg, nil
}

// shorterSide is the shortest side of any image.
func shorterSide(d dataset.Dataset) (int, error) {
	side := 0
	for i := range d.Len() {
		img, err := d.Image(i)
		if err != nil {
			return 0, err
		}
		if s := min(img.Width, img.Height); i == 0 || s < side {
			side = s
		}
	}
	return side, nil
}

// setKeys overlays keys like "loss.temperature=0.1" on the configuration.
func setKeys(cfg *train.Config, settings []string) error {
	for _, s := range settings {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return misuse("--set %s: want KEY=VALUE, e.g. loss.temperature=0.1", s)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			return misuse("--set %s: %w", s, err)
		}
		tree, err := cfg.Map()
		if err != nil {
			return err
		}
		path := strings.Split(key, ".")
		var at any = tree
		for _, p := range path[:len(path)-1] {
			if at = within(at, p); at == nil {
				return misuse("--set %s: the configuration has no %q, or more than one", s, p)
			}
		}
		part, ok := at.(map[string]any)
		if !ok {
			return misuse("--set %s: %s is a list: want a key of one of its parts, or the whole list", s, strings.Join(path[:len(path)-1], "."))
		}
		part[path[len(path)-1]] = v
		document, err := yaml.Marshal(tree)
		if err != nil {
			return err
		}
		if err := cfg.Overlay(document); err != nil {
			return misuse("--set %s: %w", s, err)
		}
	}
	return nil
}

// within is what a mapping has under a key, or the only part of a list that has the
// key as its name; nil if there is no such, so that setting it is not a guess.
func within(at any, key string) (found any) {
	switch at := at.(type) {
	case map[string]any:
		return at[key]
	case []any:
		for _, item := range at {
			if part, ok := item.(map[string]any); ok && part["name"] == key {
				if found != nil {
					return nil
				}
				found = part
			}
		}
	}
	return found
}

func (a *app) resume() *cobra.Command {
	c := &cobra.Command{
		Use:     "resume RUN",
		Short:   "Go on with a run from its last checkpoint, exactly",
		Example: "  alike resume runs/simclr-resnet8\n  alike resume runs/simclr-resnet8 --max-minutes 30",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var sitting sittingFlags
	data.add(c)
	sitting.add(c)
	step := c.Flags().Int("step", 0, "go on from the checkpoint of this step and drop later ones (default: the last)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := sitting.validate(); err != nil {
			return err
		}
		run, err := train.Open(args[0])
		if err != nil {
			return err
		}
		if data.classes != "" && data.classes != run.Config.Classes {
			return misuse("--classes %q: %s goes on with the classes that it began with", data.classes, args[0])
		}
		engine, err := backend.Open(a.backend) // before checkpoints are dropped
		if err != nil {
			return usageError{err}
		}
		defer engine.Finalize()
		data.spec, data.classes = cmp.Or(data.spec, run.Config.Data), run.Config.Classes
		source, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		images, err := source.Split(run.Config.Split)
		if err != nil {
			return err
		}
		if *step > 0 {
			if err := run.DropAfter(*step); err != nil {
				return err
			}
		}
		return a.runTraining(c.Context(), run, engine, source, images, sitting, false)
	}
	return c
}

// runTraining trains a run to its end, or to that of the sitting.
func (a *app) runTraining(ctx context.Context, run *train.Run, engine compute.Backend, source *dataset.Source, images dataset.Dataset, f sittingFlags, dryRun bool) error {
	if err := run.Config.Resolve(images.Len()); err != nil {
		return err
	}
	plan, err := run.Plan(engine, f.keep)
	if err != nil {
		if !dryRun {
			err = errors.Join(err, run.Discard())
		}
		return err
	}
	if dryRun {
		fmt.Fprintln(a.stdout, plan)
		return nil
	}
	a.say("%s on %s: %s", run.Config.Encoder.Name, engine.Description(), plan)
	opt := train.Options{
		Steps:           f.steps,
		MaxDuration:     time.Duration(f.minutes * float64(time.Minute)),
		CheckpointEvery: f.checkpointEvery,
		Keep:            f.keep,
		Log:             a.logger(),
	}
	if f.monitorEvery >= 0 {
		opt.MonitorEvery = f.monitorEvery
		if opt.MonitorEvery == 0 {
			opt.MonitorEvery = max(1, images.Len()/run.Config.Batch)
		}
		opt.Monitor = a.monitor(source, images)
	}
	bar := a.progress("training", plan.Steps)
	opt.Progress = bar.step
	err = run.Train(ctx, engine, images, opt)
	bar.done()
	if err != nil {
		return err
	}
	state, err := run.State(-1)
	if err != nil {
		return err
	}
	a.say("trained %d of %d steps in %s; weights %.12s", state.Step, state.Total, time.Duration(state.Seconds*1e9).Round(time.Second), state.WeightsSHA256)
	if state.Step < state.Total {
		a.say("'alike resume %s' goes on", run.Dir)
	}
	if err := a.writeReport(ctx, run, source, engine); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, run.Dir)
	return nil
}
