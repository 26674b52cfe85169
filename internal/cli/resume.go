package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"alike/backend"
	"alike/train"
)

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
		if step < lastStep {
			return misuse("--step %d: must be at least 0", step)
		}
		run, err := train.Open(args[0])
		if err != nil {
			return err
		}
		if data.classes != "" && data.classes != run.Config.Classes {
			return misuse("--classes %q: %s goes on with the classes that it began with", data.classes, args[0])
		}
		sitting.overlay(&run.Config.Sittings)
		state, done, err := a.finished(run, step, sitting.steps)
		if done || err != nil {
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
		bad, err := unreadable(run, source)
		if err != nil {
			return err
		}
		if err := state.CheckImages(images, bad); err != nil { // before anything is written
			return err
		}
		plan, err := a.plan(run, engine, images)
		if err != nil {
			return err
		}
		if step >= 0 {
			if err := run.DropAfter(step); err != nil {
				return err
			}
		}
		return a.runTraining(c.Context(), run, plan, engine, source, images, data, sitting)
	}
	return c
}

// finished returns where a run goes on from, a step or the last checkpoint if negative, and says so if nothing is left to
// train from there on. A run without a checkpoint has everything left; one that was stopped before it was measured at
// its end has that.
func (a *app) finished(run *train.Run, step, last int) (state train.State, done bool, err error) {
	state, err = run.State(step)
	if errors.Is(err, train.ErrNoCheckpoint) {
		return state, false, nil
	}
	if err != nil {
		return state, false, err
	}
	switch {
	case state.Step >= state.Total:
		if left, err := run.Unmeasured(state.Step); left || err != nil {
			return state, false, err
		}
		a.say("%s is finished: all its %d steps are done, there is nothing to do", run.Dir, state.Total)
	case last > 0 && state.Step >= last:
		a.say("%s is at step %d already: there is nothing to do up to --steps %d", run.Dir, state.Step, last)
	default:
		return state, false, nil
	}
	fmt.Fprintln(a.stdout, run.Dir)
	return state, true, nil
}
