package cli

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"alike/backend"
	"alike/verify"
)

func (a *app) verify() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check alike against reference values",
		Long: `Check losses, gradients, metrics, update rules and image operations against a
file of reference values: both a plain float64 twin and the product, on every
engine, must agree. Without a file, against those that alike carries.`,
		Example: "  alike verify\n  alike verify reference-values.json --json",
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return misuse("verify takes one FILE, not %q", args)
		}
		engines, err := a.engines()
		if err != nil {
			return err
		}
		for _, b := range engines {
			defer b.Finalize()
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

// engines are those that --backend names, or all.
func (a *app) engines() ([]compute.Backend, error) {
	names := backend.Names()
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
