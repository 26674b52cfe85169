package cli

import (
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"alike/dataset"
	"alike/internal/registry"
	"alike/optimize"
	"alike/train"
)

// largestSize is the largest default side of views.
const largestSize = 224

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
		cfg, err = train.Load(file, name, size)
	}
	if err == nil && name != "" && cfg.Method.Name != name {
		err = misuse("%s is of method %s, not %s: leave %s out, or the file", file, cfg.Method.Name, name, name)
	}
	if err != nil {
		return cfg, err
	}
	if flags.Changed("size") {
		cfg.Size = size
	}
	if features != nil {
		for _, flag := range []string{"size", "views"} {
			if flags.Changed(flag) {
				return cfg, misuse("--%s is for images; features are taken as they are", flag)
			}
		}
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
	given(flags, "epochs", flags.GetFloat64, &cfg.Schedule.Epochs)
	given(flags, "warmup-epochs", flags.GetFloat64, &cfg.Schedule.WarmupEpochs)
	given(flags, "lr", flags.GetFloat64, &cfg.Schedule.LR)
	given(flags, "scaling", flags.GetString, &cfg.Schedule.Scaling)
	given(flags, "batch", flags.GetInt, &cfg.Batch)
	given(flags, "chunk", flags.GetInt, &cfg.Chunk)
	given(flags, "checkpoint-blocks", flags.GetBool, &cfg.CheckpointBlocks)
	given(flags, "per-class", flags.GetInt, &cfg.PerClass)
	given(flags, "init", flags.GetString, &cfg.Init)
	given(flags, "freeze", flags.GetStringSlice, &cfg.Freeze)
	given(flags, "dtype", flags.GetString, &cfg.DType)
	given(flags, "pixels", flags.GetString, &cfg.Pixels)
	given(flags, "seed", flags.GetUint64, &cfg.Seed)
	if scales, _ := flags.GetStringSlice("lr-scale"); len(scales) > 0 {
		if cfg.LRScale, err = parseScales(scales); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// choosesWarmUp says whether a flag, a setting or a file, if there is one, names a warm-up.
func choosesWarmUp(flags *pflag.FlagSet, settings []string, file string) (bool, error) {
	const key = "warmup_epochs"
	chosen := flags.Changed("warmup-epochs") || strings.Contains(strings.Join(settings, "\n"), key)
	if chosen || file == "" {
		return chosen, nil
	}
	text, err := os.ReadFile(file)
	return strings.Contains(string(text), key), err
}

// warmUp shortens the recipe's warm-up in a run that would hardly reach its learning rate; one that was chosen is
// only remarked on.
func (a *app) warmUp(s *optimize.Schedule, chosen bool) {
	switch {
	case !chosen && s.WarmupEpochs > s.Epochs/10:
		s.WarmupEpochs = s.Epochs / 10
		a.say("the warm-up is shortened to %g epochs, a tenth of the run; --warmup-epochs sets it", s.WarmupEpochs)
	case s.Epochs > 0 && s.WarmupEpochs >= s.Epochs:
		a.say("the warm-up of %g epochs takes the whole run, which never reaches its learning rate; --warmup-epochs shortens it", s.WarmupEpochs)
	}
}

// given sets what a flag says, if it was given.
func given[T any](flags *pflag.FlagSet, name string, get func(string) (T, error), to *T) {
	if flags.Changed(name) {
		*to, _ = get(name) // it is of this type
	}
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
