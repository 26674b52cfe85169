package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"alike/backend"
	"alike/loss/losstest"
	"alike/verify"
)

func (a *app) verify() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify [FILE | --losses]",
		Short: "Check alike against reference values",
		Long: `Check losses, gradients, metrics, update rules and image operations against a
file of reference values: both a plain float64 twin and the product, on every
engine, must agree. Without a file, against those that alike carries.

With --losses, check every loss on random and on hostile batches: value and
gradient against its twin, permuted rows, swapped views, and that nothing is NaN.`,
		Example: "  alike verify\n  alike verify reference-values.json --json\n  alike verify --losses",
	}
	asJSON := jsonFlag(c)
	losses := c.Flags().Bool("losses", false, "check every loss instead of reference values")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return misuse("verify takes one FILE, not %q", args)
		}
		if *losses && len(args) > 0 {
			return misuse("verify takes a FILE or --losses, not both")
		}
		engines, err := a.engines()
		if err != nil {
			return err
		}
		for _, b := range engines {
			defer b.Finalize()
		}
		if *losses {
			return a.verifyLosses(c.Context(), engines, *asJSON)
		}
		var r verify.Result
		if len(args) == 1 {
			r, err = verify.File(c.Context(), args[0], engines)
		} else {
			r, err = verify.Builtin(c.Context(), engines)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			err = a.printJSON(r)
		} else {
			for _, f := range r.Failures {
				fmt.Fprintln(a.stdout, f)
			}
			if len(r.SkippedOperations) > 0 {
				fmt.Fprintf(a.stdout, "not in alike yet: %s\n", strings.Join(r.SkippedOperations, ", "))
			}
			fmt.Fprintf(a.stdout, "%d passed, %d failed, %d skipped\n", r.Passed, r.Failed, r.Skipped)
		}
		if err == nil && r.Failed > 0 {
			err = fmt.Errorf("%d tests do not agree", r.Failed)
		}
		return err
	}
	return c
}

// verifyLosses prints one line a loss, green if all its checks passed and red
// with the failures below it if not; on a terminal in these colours.
func (a *app) verifyLosses(ctx context.Context, engines []compute.Backend, asJSON bool) error {
	reports, err := verify.Losses(ctx, engines)
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range reports {
		if len(r.Failures) > 0 {
			failed++
		}
	}
	if asJSON {
		err = a.printJSON(map[string]any{"passed": len(reports) - failed, "failed": failed, "losses": reports})
	} else {
		a.printLosses(reports)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d losses do not pass", failed, len(reports))
	}
	return err
}

func (a *app) printLosses(reports []losstest.Report) {
	const red, green = "31", "32"
	colour := func(code, word string) string { return word }
	if f, ok := a.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		colour = func(code, word string) string { return "\x1b[" + code + "m" + word + "\x1b[0m" }
	}
	for _, r := range reports {
		if len(r.Failures) == 0 {
			fmt.Fprintf(a.stdout, "%s  %-18s %5d checks\n", colour(green, "pass"), r.Name, r.Checks)
			continue
		}
		fmt.Fprintf(a.stdout, "%s  %-18s %5d checks, %d failed\n", colour(red, "FAIL"), r.Name, r.Checks, len(r.Failures))
		for _, f := range r.Failures {
			fmt.Fprintln(a.stdout, "      "+f)
		}
	}
}

// engines are those that --backend names, or all.
func (a *app) engines() ([]compute.Backend, error) {
	names := backend.Usable()
	if a.backend != "" {
		names = []string{a.backend}
	}
	var engines []compute.Backend
	for _, name := range names {
		b, err := backend.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		engines = append(engines, b)
	}
	return engines, nil
}
