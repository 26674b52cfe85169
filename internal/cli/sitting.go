package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"alike/dataset"
	"alike/train"
)

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
	case f.steps < 0 || f.steps == 0 && f.flags.Changed("steps"):
		return misuse("--steps %d: must be at least 1", f.steps)
	case !(f.minutes >= 0) || f.minutes == 0 && f.flags.Changed("max-minutes"):
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
	given(f.flags, "checkpoint-every", f.flags.GetInt, &s.CheckpointEvery)
	given(f.flags, "keep", f.flags.GetInt, &s.Keep)
	given(f.flags, "monitor-every", f.flags.GetInt, &s.MonitorEvery)
}

// plan says what a run will need; one that does not fit is refused.
func (a *app) plan(run *train.Run, engine compute.Backend, images dataset.Dataset) (train.Plan, error) {
	if err := run.Config.Resolve(images.Len(), len(images.Classes())); err != nil {
		return train.Plan{}, err
	}
	plan, err := run.Plan(engine)
	if err == nil {
		a.say("%s: %s", engine.Description(), plan)
	}
	return plan, err
}

// unreadable is how many files of a run could not be read, when it was begun or now.
func unreadable(run *train.Run, source *dataset.Source) (int, error) {
	before, err := run.BadFiles()
	return max(before, len(source.Skipped)), err
}

// runTraining trains a run to its end, or to that of the sitting.
func (a *app) runTraining(ctx context.Context, run *train.Run, plan train.Plan, engine compute.Backend, source *dataset.Source, images dataset.Dataset, d dataFlags, f sittingFlags) error {
	bad, err := unreadable(run, source)
	if err != nil {
		return err
	}
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
		Unreadable:  bad,
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
