package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/eval"
)

func (a *app) compare() *cobra.Command {
	c := &cobra.Command{
		Use:   "compare RUN RUN...",
		Short: "Compare the latest scores of runs, if they were measured alike",
		Long: `Compare the latest score of each metric over runs. Scores of one metric that
were measured by different protocols are refused, and the field that differs is
named.`,
		Example: "  alike compare runs/simclr-resnet8 runs/simclr-resnet20",
	}
	asJSON := jsonFlag(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) < 2 {
			return misuse("compare needs at least two runs, not %q", args)
		}
		latest := make([]map[string]eval.Score, len(args))
		metrics := map[string]bool{}
		for i, dir := range args {
			scores, err := eval.Scores(filepath.Join(dir, "scores.jsonl"))
			if errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s has no scores yet: measure it with 'alike eval knn %s --data SPEC'", dir, dir)
			}
			if err != nil {
				return err
			}
			latest[i] = map[string]eval.Score{}
			for _, s := range scores {
				latest[i][s.Metric] = s
				metrics[s.Metric] = true
			}
		}
		table, err := comparable(args, latest, metrics)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"scores": table})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "metric\trun\tstep\tvalue\t95 % interval")
		for _, s := range table {
			fmt.Fprintf(w, "%s\t%s\t%d\t%.2f %%\t%.2f to %.2f\n", s.Metric, s.Subject.Name, s.Subject.Step, 100*s.Value, 100*s.CI95[0], 100*s.CI95[1])
		}
		return w.Flush()
	}
	return c
}

// comparable lists the scores of the metrics that all runs have, after checking
// that each metric was measured in one way.
func comparable(runs []string, latest []map[string]eval.Score, metrics map[string]bool) ([]eval.Score, error) {
	var table []eval.Score
	for _, metric := range slices.Sorted(maps.Keys(metrics)) {
		first, ok := latest[0][metric]
		for i, scores := range latest {
			s, has := scores[metric]
			if !ok || !has {
				break
			}
			if diff := eval.Compare(first.Protocol, s.Protocol); len(diff) > 0 {
				return nil, fmt.Errorf("%s of %s and %s were not measured alike: %s", metric, runs[0], runs[i], diff[0])
			}
			table = append(table, s)
		}
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("the runs have no metric in common")
	}
	return table, nil
}
