package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"alike/augment"
	"alike/backend"
	"alike/dataset"
	"alike/encoder"
	"alike/head"
	"alike/internal/registry"
	"alike/loss"
	"alike/method"
	"alike/optimize"
	"alike/train"
)

// largestSize is the largest default side of views.
const largestSize = 224

// sittingFlags are about how long a command trains, not what comes out.
type sittingFlags struct {
	train.Sittings
	steps   int
	minutes float64
	report  bool
	flags   *pflag.FlagSet
}

func (f *sittingFlags) add(c *cobra.Command) {
	f.flags = c.Flags()
	f.flags.IntVar(&f.steps, "steps", 0, "stop after this step; the schedule stays as it is (default: its last)")
	f.flags.Float64Var(&f.minutes, "max-minutes", 0, "stop after this time; the schedule stays as it is")
	f.flags.BoolVar(&f.report, "report", true, "write the report at the end")
	f.flags.IntVar(&f.CheckpointEvery, "checkpoint-every", 0, "steps between checkpoints (default: one an epoch, at most two a minute)")
	f.flags.IntVar(&f.Keep, "keep", 0, "checkpoints that are kept (default: 3)")
	f.flags.IntVar(&f.MonitorEvery, "monitor-every", 0, "steps between kNN measurements on a fixed subset (default: one an epoch; -1: none)")
}

// validate refuses numbers that mean nothing, before anything is read or written.
func (f *sittingFlags) validate() error {
	switch {
	case f.steps < 0:
		return misuse("--steps %d: must be at least 1", f.steps)
	case !(f.minutes >= 0):
		return misuse("--max-minutes %g: must be > 0", f.minutes)
	case f.CheckpointEvery < 0:
		return misuse("--checkpoint-every %d: must be at least 1", f.CheckpointEvery)
	case f.Keep < 0 || f.Keep == 0 && f.flags.Changed("keep"):
		return misuse("--keep %d: must be at least 1", f.Keep)
	case f.MonitorEvery < -1:
		return misuse("--monitor-every %d: must be at least 1, or -1 for none", f.MonitorEvery)
	}
	return nil
}

// overlay sets what the flags say.
func (f *sittingFlags) overlay(s *train.Sittings) {
	for name, field := range map[string]struct{ to, from *int }{
		"checkpoint-every": {&s.CheckpointEvery, &f.CheckpointEvery},
		"keep":             {&s.Keep, &f.Keep},
		"monitor-every":    {&s.MonitorEvery, &f.MonitorEvery},
	} {
		if f.flags.Changed(name) {
			*field.to = *field.from
		}
	}
}

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
			saved, err := train.Load(*config, largestSize)
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
		if *features != "" {
			f, _ := dataset.FeaturesOf(images, 0)
			if cfg.Base, err = baseOf(*features, f.Dim()); err != nil {
				return err
			}
		}
		sitting.overlay(&cfg.Sittings)
		if err := cfg.Validate(); err != nil {
			return usageError{err}
		}
		if err := setKeys(&cfg, *set); err != nil {
			return err
		}
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
		var dirs []string
		for range *repeats {
			run := &train.Run{Dir: seedDir(*out, cfg.Seed, *repeats > 1), Config: cfg}
			if *dryRun {
				return a.runTraining(c.Context(), run, engine, source, images, data, sitting, true)
			}
			if run, err = train.Create(run.Dir, cfg); err != nil {
				return err
			}
			if err := a.runTraining(c.Context(), run, engine, source, images, data, sitting, false); err != nil {
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

// configure makes the configuration of the recipe or the file, and the flags.
func (a *app) configure(c *cobra.Command, name, file string, images dataset.Dataset) (train.Config, error) {
	flags := c.Flags()
	size, _ := flags.GetInt("size")
	features, _ := dataset.FeaturesOf(images, 0)
	if features == nil && size == 0 {
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
	if features != nil {
		if err := cfg.FromFeatures(features.Dim()); err != nil {
			return cfg, err
		}
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
	if flags.Changed("chunk") {
		cfg.Chunk, _ = flags.GetInt("chunk")
	}
	if flags.Changed("checkpoint-blocks") {
		cfg.CheckpointBlocks, _ = flags.GetBool("checkpoint-blocks")
	}
	if flags.Changed("init") {
		cfg.Init, _ = flags.GetString("init")
	}
	if flags.Changed("freeze") {
		cfg.Freeze, _ = flags.GetStringSlice("freeze")
	}
	if scales, _ := flags.GetStringSlice("lr-scale"); len(scales) > 0 {
		if cfg.LRScale, err = parseScales(scales); err != nil {
			return cfg, err
		}
	}
	if flags.Changed("per-class") {
		cfg.PerClass, _ = flags.GetInt("per-class")
	}
	if flags.Changed("dtype") {
		cfg.DType, _ = flags.GetString("dtype")
	}
	if flags.Changed("pixels") {
		cfg.Pixels, _ = flags.GetString("pixels")
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

// parseScales reads PATTERN=FACTOR.
func parseScales(list []string) (map[string]float64, error) {
	scales := map[string]float64{}
	for _, s := range list {
		pattern, factor, ok := strings.Cut(s, "=")
		f, err := strconv.ParseFloat(factor, 64)
		if !ok || err != nil {
			return nil, misuse("--lr-scale %q: want PATTERN=FACTOR, e.g. layer4=0.1", s)
		}
		scales[pattern] = f
	}
	return scales, nil
}

// shorterSide is the shortest side of any image.
func shorterSide(d dataset.Dataset) (int, error) {
	side := 0
	for i := range d.Len() {
		w, h, err := dataset.Size(d, i)
		if err != nil {
			return 0, err
		}
		if s := min(w, h); i == 0 || s < side {
			side = s
		}
	}
	return side, nil
}

// owned are the keys that something else than --set decides.
var owned = map[string]string{
	"method":  "the METHOD behind 'train'",
	"data":    "--data",
	"split":   "what --data holds",
	"classes": "--classes",
	"size":    "--size",
}

// setKeys overlays keys like "loss.temperature=0.1" on the configuration, names
// of parts before their parameters.
func setKeys(cfg *train.Config, settings []string) error {
	named := func(s string) int {
		if key, _, _ := strings.Cut(s, "="); !strings.Contains(key, ".") || strings.HasSuffix(key, ".name") {
			return 0
		}
		return 1
	}
	for _, s := range slices.SortedStableFunc(slices.Values(settings), func(x, y string) int { return named(x) - named(y) }) {
		if err := setKey(cfg, s); err != nil {
			return misuse("--set %s: %w", s, err)
		}
	}
	return nil
}

func setKey(cfg *train.Config, setting string) error {
	key, value, ok := strings.Cut(setting, "=")
	if !ok {
		return errors.New("want KEY=VALUE, e.g. loss.temperature=0.1")
	}
	path := strings.Split(key, ".")
	if by, ok := owned[strings.TrimSuffix(key, ".name")]; ok {
		return fmt.Errorf("%s is decided by %s", path[0], by)
	}
	var parsed yaml.Node
	if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
		return errors.New("the value cannot be read: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(parsed.Content) == 0 {
		return errors.New("it has no value")
	}
	var tree any = parsed.Content[0]
	for _, p := range slices.Backward(path) {
		tree = map[string]any{p: tree}
	}
	document, err := yaml.Marshal(tree)
	if err != nil {
		return err
	}
	if err := cfg.Overlay(document); err != nil {
		text := err.Error()
		if line, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(line, "line ") {
			text = rest // the document is ours
		}
		return errors.New(text)
	}
	return cfg.Validate()
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
	var step int
	stepFlag(c, &step, "go on from the checkpoint of this step and drop later ones (default: the last)")
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
		if done, err := a.finished(run, step, sitting.steps); done || err != nil {
			return err
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
		if step >= 0 {
			if err := run.DropAfter(step); err != nil {
				return err
			}
		}
		sitting.overlay(&run.Config.Sittings)
		return a.runTraining(c.Context(), run, engine, source, images, data, sitting, false)
	}
	return c
}

// finished says so if a run has nothing left to train from a step on, which is
// the last if negative. A run without a checkpoint has everything left.
func (a *app) finished(run *train.Run, step, last int) (bool, error) {
	state, err := run.State(step)
	if errors.Is(err, train.ErrNoCheckpoint) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case state.Step >= state.Total:
		a.say("%s is finished: all its %d steps are done, there is nothing to do", run.Dir, state.Total)
	case last > 0 && state.Step >= last:
		a.say("%s is at step %d already: there is nothing to do up to --steps %d", run.Dir, state.Step, last)
	default:
		return false, nil
	}
	fmt.Fprintln(a.stdout, run.Dir)
	return true, nil
}

// runTraining trains a run to its end, or to that of the sitting.
func (a *app) runTraining(ctx context.Context, run *train.Run, engine compute.Backend, source *dataset.Source, images dataset.Dataset, d dataFlags, f sittingFlags, dryRun bool) error {
	if err := run.Config.Resolve(images.Len(), len(images.Classes())); err != nil {
		return err
	}
	plan, err := run.Plan(engine)
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
	a.say("%s: %s", engine.Description(), plan)
	if err := run.WriteBadFiles(source.Skipped); err != nil {
		return err
	}
	if err := writeViews(run, images); err != nil {
		return err
	}
	bar := a.progress("training", plan.Steps)
	err = run.Train(ctx, engine, images, train.Options{
		Steps:       f.steps,
		MaxDuration: time.Duration(f.minutes * float64(time.Minute)),
		MaxBad:      d.tolerance(),
		StepTime:    plan.Step,
		Monitor:     a.monitor(source, images),
		Progress:    bar.step,
		Verdict:     a.sayVerdict,
		Log:         a.logger(),
	})
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
		why := fmt.Sprintf("the %g minutes of --max-minutes are over", f.minutes)
		if f.steps > 0 && state.Step >= f.steps {
			why = fmt.Sprintf("--steps %d is reached", f.steps)
		}
		a.say("%s; 'alike resume %s' goes on", why, run.Dir)
	}
	if f.report {
		if err := a.writeReport(ctx, run, source, engine); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.stdout, run.Dir)
	return nil
}
