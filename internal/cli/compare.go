package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/eval"
	"alike/train"
)

func (a *app) compare() *cobra.Command {
	c := &cobra.Command{
		Use:   "compare RUN RUN...",
		Short: "Compare the scores of runs that were measured alike",
		Long: `Compare the scores of runs: of each metric, and of each way that it was measured
in all of the runs, the latest. Of a metric that the runs do not share alike, the
field that differs is named. Each run is then compared with the first, query by query: the
difference has an interval of its own (a paired bootstrap), which is narrower than
those of the two scores. Of runs that differ in their seed alone it gives the mean,
with its 95 % interval.`,
		Example: "  alike compare runs/simclr-resnet8 runs/simclr-resnet20\n  alike compare runs/ice-resnet18/seed-*",
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) < 2 {
			return misuse("compare needs at least two runs; see 'alike compare --help'")
		}
		files, latest := make([]string, len(args)), make([][]eval.Score, len(args))
		for i, dir := range args {
			run, err := train.Open(dir)
			if err == nil {
				files[i] = run.ScoresPath()
				latest[i], err = latestScores(run)
			}
			if err != nil {
				return err
			}
			if len(latest[i]) == 0 {
				return fmt.Errorf("%s has no scores yet: measure it with 'alike eval knn %s'", dir, dir)
			}
		}
		table, unlike, err := comparable(args, latest)
		if err != nil {
			return err
		}
		gaps, err := gapsTo(c.Context(), files, table)
		if err != nil {
			return err
		}
		var means []seedMean
		repeated, err := onlySeedsDiffer(args)
		if err != nil {
			return err
		}
		if repeated {
			means = seedMeans(table, len(args))
		}
		for _, text := range unlike {
			a.say("left out: %s", text)
		}
		if *asJSON {
			return a.printJSON(map[string]any{"scores": table, "differences": gaps, "means": means, "left_out": list(unlike)})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "metric\trun\tstep\tvalue\t95 % interval\tmeasured on")
		for _, s := range table {
			fmt.Fprintf(w, "%s\t%s\t%d\t%.2f %%\t%s\t%s\n", s.Metric, s.Subject.Name, s.Subject.Step, 100*s.Value, s.Interval(), measuredOn(s.Protocol))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, g := range gaps {
			fmt.Fprintln(a.stdout, g)
		}
		for _, m := range means {
			fmt.Fprintln(a.stdout, m)
		}
		return nil
	}
	return c
}

// alikeMeasured tells whether two scores can be compared.
func alikeMeasured(x, y eval.Score) bool {
	return x.Metric == y.Metric && len(eval.Compare(x.Protocol, y.Protocol)) == 0
}

// latestScores are the latest score of a run's networks for each metric and
// protocol, by metric, later ones last; none if it was never measured.
func latestScores(run *train.Run) ([]eval.Score, error) {
	scores, err := eval.Scores(run.ScoresPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var latest []eval.Score
	for _, s := range scores {
		if s.Subject.Method == "" {
			continue // raw pixels
		}
		latest = slices.DeleteFunc(latest, func(old eval.Score) bool { return alikeMeasured(old, s) })
		latest = append(latest, s)
	}
	slices.SortStableFunc(latest, func(x, y eval.Score) int { return strings.Compare(x.Metric, y.Metric) })
	return latest, err
}

// measuredOn says in short what a score was measured on, and how.
func measuredOn(p eval.Protocol) string {
	s := fmt.Sprintf("%d images of %s (%s), layer %s", p.Queries.Images, p.Queries.Data, p.Queries.Split, p.Layer)
	if p.Queries.Classes != "" {
		s += ", classes " + p.Queries.Classes
	}
	if p.Queries.Excluded > 0 {
		s += fmt.Sprintf(", %d left out", p.Queries.Excluded)
	}
	if p.K > 0 {
		s += fmt.Sprintf(", k %d", p.K)
	}
	return s
}

// comparable lists the scores that all runs have: of one metric, measured alike. unlike says
// of each other metric that they share how it was measured.
func comparable(runs []string, latest [][]eval.Score) (table []eval.Score, unlike []string, err error) {
	for _, first := range latest[0] {
		rows := []eval.Score{first}
		for i, scores := range latest[1:] {
			same := slices.IndexFunc(scores, func(s eval.Score) bool { return alikeMeasured(first, s) })
			if same >= 0 {
				rows = append(rows, scores[same])
				continue
			}
			other := slices.IndexFunc(scores, func(s eval.Score) bool { return s.Metric == first.Metric })
			if other >= 0 {
				unlike = append(unlike, fmt.Sprintf("%s of %s and %s were not measured alike: %s", first.Metric, runs[0], runs[i+1], difference(first.Protocol, scores[other].Protocol)))
			}
			break
		}
		if len(rows) == len(runs) {
			table = append(table, rows...)
		}
	}
	switch {
	case len(table) > 0:
		return table, unlike, nil
	case len(unlike) > 0:
		return nil, nil, errors.New(unlike[len(unlike)-1])
	}
	return nil, nil, errors.New("the runs have no metric in common")
}

// difference names the first field that two protocols do not share; data by name.
func difference(a, b eval.Protocol) string {
	d := eval.Compare(a, b)[0]
	if !strings.HasSuffix(d.Field, "sha256") {
		return d.String()
	}
	x, y := a.Bank, b.Bank
	if strings.HasPrefix(d.Field, "queries") {
		x, y = a.Queries, b.Queries
	}
	name := func(s eval.Set) string {
		text := s.Data + " (" + s.Split
		if s.Classes != "" {
			text += ", classes " + s.Classes
		}
		if s.Excluded > 0 {
			text += fmt.Sprintf(", without %d", s.Excluded)
		}
		return text + ")"
	}
	if name(x) == name(y) {
		return fmt.Sprintf("data: both name %s, but its images have changed in between", name(x))
	}
	return fmt.Sprintf("data: %s and %s", name(x), name(y))
}
