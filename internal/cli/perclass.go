package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/eval"
)

// perClassFlag adds --per-class to a command that measures.
func perClassFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("per-class", false, "each class of the queries by itself too, the worst first")
}

// labelsOf are the labels and classes of the queries, without those left out.
func labelsOf(queries hashed, left *exclusion) *eval.Features {
	f := eval.NewFeatures(queries, 0)
	if left != nil {
		f = f.Select(left.keep)
	}
	return f
}

// perClass has scores split by class, if on.
func perClass(on *bool, measure scorers) scorers {
	return func(ctx context.Context, gallery, queries *eval.Features) ([]eval.Score, error) {
		scores, err := measure(ctx, gallery, queries)
		for i := range scores {
			if *on {
				scores[i].PerClass = eval.PerClass(scores[i], queries)
			}
		}
		return scores, err
	}
}

// printClasses prints a table with a row for each class and a column for each score
// that is split by class. Classes that score least in the last column come first.
func (a *app) printClasses(scores []eval.Score) error {
	scores = slices.DeleteFunc(slices.Clone(scores), func(s eval.Score) bool { return s.PerClass == nil })
	if len(scores) == 0 {
		return nil
	}
	last := scores[len(scores)-1].PerClass
	order := make([]int, len(last))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(last[x].Value, last[y].Value) })
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "class\tqueries")
	for _, s := range scores {
		fmt.Fprintf(w, "\t%s", s.Metric)
	}
	fmt.Fprintln(w)
	for _, i := range order {
		fmt.Fprintf(w, "%s\t%d", last[i].Class, last[i].Queries)
		for _, s := range scores {
			fmt.Fprintf(w, "\t%.2f %%", 100*s.PerClass[i].Value)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
