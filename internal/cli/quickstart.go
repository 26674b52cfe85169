package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"alike"
	"alike/augment"
	"alike/backend"
	"alike/dataset"
	"alike/eval"
	"alike/internal/registry"
	"alike/train"
)

// What quickstart trains: enough to see that it learns, in two minutes.
const (
	quickstartImages  = 10000
	quickstartData    = "builtin:sprites?n=10000&seed=1"
	quickstartBatch   = 128
	quickstartEpochs  = 5
	quickstartMinutes = 2
)

func (a *app) quickstart() *cobra.Command {
	c := &cobra.Command{
		Use:   "quickstart",
		Short: "Generate images, train on them, measure and report, in under three minutes",
		Long: `Generate images of ten shapes in any colour, size and place, train SimCLR on
them without their labels, and measure what it learned: kNN accuracy against
chance, raw pixels and the untrained network. Needs no data and no network.`,
		Example: "  alike quickstart\n  alike quickstart --out my-first-run",
		Args:    exactly(),
	}
	out := c.Flags().String("out", filepath.Join("runs", "quickstart"), "run directory")
	c.RunE = func(c *cobra.Command, _ []string) error { return a.runQuickstart(c.Context(), *out) }
	return c
}

// quickstartConfig is SimCLR for shapes in two minutes: the recipe for CIFAR-10
// with views that hide colour, which would tell sprites apart without a look at
// their shape, and an update rule that needs no long schedule.
func quickstartConfig() (train.Config, error) {
	cfg, err := train.Default("simclr", 32)
	if err != nil {
		return cfg, err
	}
	cfg.Data, cfg.Split, cfg.Batch = quickstartData, dataset.Train, quickstartBatch
	cfg.Optimizer = registry.Choice{Name: "adamw"}
	cfg.Schedule.LR, cfg.Schedule.Scaling = 0.003, "none"
	cfg.Schedule.Epochs, cfg.Schedule.WarmupEpochs = quickstartEpochs, 0.2
	if cfg.Views, err = augment.Parse("crop(0.3, 1) flip jitter(0.6, 0.6, 0.4, 0.5) gray(0.5)"); err != nil {
		return cfg, err
	}
	if cfg.Encoder, err = registry.Choose("resnet8", map[string]bool{"zero_init": false}); err != nil {
		return cfg, err
	}
	if cfg.Loss, err = registry.Choose("ntxent", map[string]float64{"temperature": 0.2}); err != nil {
		return cfg, err
	}
	err = cfg.Resolve(quickstartImages, 0) // without labels
	steps := cfg.Schedule.Total()
	cfg.Sittings.CheckpointEvery, cfg.Sittings.MonitorEvery = steps, max(1, steps/6)
	return cfg, err
}

func (a *app) runQuickstart(ctx context.Context, dir string) (err error) {
	began := time.Now()
	cfg, err := quickstartConfig()
	if err != nil {
		return err
	}
	engine, err := backend.Open(a.backend)
	if err != nil {
		return usageError{err}
	}
	defer engine.Finalize()
	run, err := train.Create(dir, cfg) // before the work of drawing
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, run.Discard()) // unless there is a checkpoint
		}
	}()
	a.say("drawing %s", quickstartData)
	source, err := a.open(ctx, dataFlags{spec: quickstartData, maxBad: defaultMaxBad})
	if err != nil {
		return err
	}
	images, _, err := source.Training()
	if err != nil {
		return err
	}
	chance, pixels, err := a.baselines(ctx, cfg.Size, source)
	if err != nil {
		return err
	}
	if err := eval.Append(run.ScoresPath(), pixels); err != nil {
		return err
	}
	if err := a.trainQuickstart(ctx, run, engine, source, images); err != nil {
		return err
	}
	before, after, err := a.beforeAndAfter(ctx, run, source)
	if err != nil {
		return err
	}
	if err := a.writeReport(ctx, run, source, engine); err != nil {
		return err
	}
	state, err := run.State(-1)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, `
alike drew %d images of ten shapes, whose colours, sizes and places say nothing of the shape,
and trained a small network (ResNet-8) on them for %d steps with SimCLR, without their labels.

Naming the shape of a test image by its nearest neighbours is right for
  %5.1f %%  by chance
  %5.1f %%  by raw pixels
  %5.1f %%  with the network before training
  %5.1f %%  with the network after training (95 %% interval %.1f to %.1f)
%s
It took %s. Look at the report: %s

To try next:
  alike train simclr --data YOUR-FOLDER --encoder resnet8 --epochs 20
  alike search %s --query test/star/00005 --out star.png
  alike eval linear %s
`, images.Len(), state.Step, 100*chance, 100*pixels.Value, 100*before.Value, 100*after.Value, 100*after.CI95[0], 100*after.CI95[1],
		stoppedEarly(run.Dir, state), time.Since(began).Round(time.Second), run.ReportPath(), dir, dir)
	return nil
}

// stoppedEarly says so if quickstart's time was over before its last step.
func stoppedEarly(dir string, s train.State) string {
	if s.Step >= s.Total {
		return ""
	}
	return fmt.Sprintf(`
The time limit of %d minutes stopped training at step %d of %d, so the result is below what the
README shows. This machine goes on to the end with: alike resume %s
`, quickstartMinutes, s.Step, s.Total, dir)
}

// baselines are what an embedding has to beat.
func (a *app) baselines(ctx context.Context, size int, source *dataset.Source) (chance float64, pixels eval.Score, err error) {
	bank, queries, err := bankAndQueries(source, "")
	if err != nil {
		return 0, pixels, err
	}
	var f [2]*eval.Features
	for i, d := range []hashed{bank, queries} {
		if f[i], err = eval.Pixels(ctx, d, size); err != nil {
			return 0, pixels, err
		}
		d.sign(&f[i].Set)
	}
	if chance, err = eval.Chance(f[0], f[1]); err != nil {
		return 0, pixels, err
	}
	if pixels, err = eval.DefaultKNN().Score(ctx, f[0], f[1]); err != nil {
		return 0, pixels, err
	}
	pixels.Subject.Name = "raw pixels"
	return chance, pixels, nil
}

func (a *app) trainQuickstart(ctx context.Context, run *train.Run, engine compute.Backend, source *dataset.Source, images dataset.Dataset) error {
	plan, err := a.plan(run, engine, images)
	if err != nil {
		return err
	}
	if err := writeViews(run, images); err != nil {
		return err
	}
	bar := a.progress("training", plan.Steps)
	defer bar.done()
	return run.Train(ctx, engine, images, train.Options{
		MaxDuration: quickstartMinutes * time.Minute,
		Monitor:     a.monitor(source, images),
		Progress:    bar.step,
		Verdict:     a.sayVerdict,
		Log:         a.logger(),
	})
}

// beforeAndAfter measures the first and the last checkpoint.
func (a *app) beforeAndAfter(ctx context.Context, run *train.Run, source *dataset.Source) (before, after eval.Score, err error) {
	bank, queries, err := bankAndQueries(source, "")
	if err != nil {
		return before, after, err
	}
	state, err := run.State(-1)
	if err != nil {
		return before, after, err
	}
	var scores [2]eval.Score
	for i, step := range []int{0, state.Step} {
		if scores[i], err = a.scoreStep(ctx, run, step, bank, queries); err != nil {
			return before, after, err
		}
	}
	return scores[0], scores[1], nil
}

func (a *app) scoreStep(ctx context.Context, run *train.Run, step int, bank, queries hashed) (eval.Score, error) {
	m, err := alike.Open(run.Dir, alike.Options{Step: step, First: step == 0, Backend: a.backend})
	if err != nil {
		return eval.Score{}, err
	}
	defer m.Close()
	b, err := a.features(ctx, m, bank)
	if err != nil {
		return eval.Score{}, err
	}
	q, err := a.features(ctx, m, queries)
	if err != nil {
		return eval.Score{}, err
	}
	score, err := eval.DefaultKNN().Score(ctx, b, q)
	if err != nil {
		return score, err
	}
	score.Subject = m.Subject()
	return score, eval.Append(run.ScoresPath(), score)
}
