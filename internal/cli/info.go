package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"alike/index"
	"alike/train"
)

func (a *app) info() *cobra.Command {
	c := &cobra.Command{
		Use:     "info RUN | FILE | --backends",
		Short:   "Say what a run is and how far it has come, what a file of weights or ONNX holds, or what engines there are",
		Example: "  alike info runs/simclr-resnet8\n  alike info runs/simclr-resnet8 --json\n  alike info runs/simclr-resnet8 --doctor\n  alike info resnet50.pth\n  alike info model.onnx\n  alike info --backends",
	}
	var step int
	stepFlag(c, &step, "checkpoint, by its step (default: the last)")
	asJSON := jsonFlag(c)
	whole := c.Flags().Bool("doctor", false, "print all that the doctor saw last: similarities, layers, time")
	backends := c.Flags().Bool("backends", false, "list the engines, what each misses here and how to get it")
	c.Args = func(c *cobra.Command, args []string) error {
		if *backends {
			return exactly()(c, args)
		}
		return exactly("a RUN or a FILE")(c, args)
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		if *backends {
			return a.listEngines(*asJSON)
		}
		if info, err := os.Stat(args[0]); err == nil && info.Mode().IsRegular() {
			return a.describeFile(args[0], info.Size(), *asJSON)
		}
		if index.Is(args[0]) {
			return fmt.Errorf("%[1]s is an index: 'alike index info %[1]s' says what it holds", args[0])
		}
		run, err := train.Open(args[0])
		if err != nil {
			return err
		}
		state, err := run.State(step)
		if err != nil {
			return err
		}
		steps, err := run.Steps()
		if err != nil {
			return err
		}
		config, err := run.Config.Map()
		if err != nil {
			return err
		}
		health, err := healthOf(run, step)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{
				"run": args[0], "step": state.Step, "total": state.Total, "weights_sha256": state.WeightsSHA256,
				"engine": state.Engine, "seconds": state.Seconds, "checkpoints": steps, "config": config,
				"verdicts": health.verdicts, "probe": health.probe, "probe_step": health.step,
			})
		}
		cfg := run.Config
		fmt.Fprintf(a.stdout, "%s: %s with %s on %s\n", args[0], cfg.Method.Name, cfg.Encoder.Name, cfg.Data)
		fmt.Fprintf(a.stdout, "  step %d of %d, %.0f s of training on %s\n", state.Step, state.Total, state.Seconds, state.Engine)
		if err := a.printProgress(run, state.Step); err != nil {
			return err
		}
		health.print(a.stdout, *whole)
		fmt.Fprintf(a.stdout, "  weights %s\n  checkpoints %v\n", state.WeightsSHA256, steps)
		document, err := cfg.YAML()
		fmt.Fprintf(a.stdout, "\n%s", document)
		return err
	}
	return c
}

// printProgress prints the last loss up to a step, and the latest scores.
func (a *app) printProgress(run *train.Run, step int) error {
	metrics, err := run.Metrics()
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(metrics) {
		if m.Monitor == nil && m.Diverged == "" && m.Step <= step {
			fmt.Fprintf(a.stdout, "  loss %.4f at step %d\n", m.Loss, m.Step)
			break
		}
	}
	scores, err := latestScores(run)
	for _, s := range scores {
		fmt.Fprintf(a.stdout, "  %s %.2f %% (95 %% interval %s) at step %d, %s\n", s.Metric, 100*s.Value, s.Interval(), s.Subject.Step, measuredOn(s.Protocol))
	}
	return err
}
