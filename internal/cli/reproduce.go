package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"alike/internal/reproduce"
)

func (a *app) reproduce() *cobra.Command {
	var scales []string
	for _, s := range reproduce.Scales {
		scales = append(scales, s.Name)
	}
	c := &cobra.Command{
		Use:   "reproduce list|all|CLAIM...",
		Short: "Put the papers' claims on trial",
		Long: `Put the papers' claims on trial: train the variants of each, measure them, and say
with statistics whether the claim held, did not show at this scale, or was
contradicted. 'alike reproduce list' names the claims.

Every run that is done is kept: a command that was stopped, killed or ended by
--max-minutes goes on where it was when it is given again. Given several times at once
it shares the runs out, on file systems that have locks.
The page with the figures is written from what is there.

` + scaleHelp(),
		Example: `  alike reproduce list
  alike reproduce all --dry-run --data cifar-10-binary.tar.gz --labelled cub-200.tar.gz
  alike reproduce head temperature --data cifar-10-binary.tar.gz --seeds 1
  alike reproduce all --data cifar-10-binary.tar.gz --labelled cub-200.tar.gz --max-minutes 60`,
		ValidArgs: []string{"list", "all"},
	}
	flags := c.Flags()
	name := flags.String("scale", "cpu", "how large: "+strings.Join(scales, ", "))
	t := &reproduce.Trial{}
	flags.StringVar(&t.Dir, "out", filepath.Join("runs", "reproduce"), "directory of the runs")
	flags.StringVar(&t.Data, "data", "", "SPEC of the images, in a train and a test split of ten classes, e.g. CIFAR-10")
	flags.StringVar(&t.Labelled, "labelled", "", "SPEC of images of many classes, e.g. CUB-200, for claims that learn from labels; without it these are left out")
	flags.StringVar(&t.Only, "only", "", `only variants of such names, e.g. "crop*"`)
	page := flags.String("page", "", "page to write, its figures in a folder beside it (default: claims.md in --out)")
	minutes := flags.Float64("max-minutes", 0, "begin no run after this time")
	dryRun := flags.Bool("dry-run", false, "say what would be run and how long it may take, and stop")
	seeds := flags.Int("seeds", 0, "at most as many seeds of each variant (default: the scale's)")
	epochs := flags.Float64("epochs", 0, "epochs of a run (default: the scale's)")
	images := flags.Int("images", 0, "images that are trained on (default: the scale's)")
	size := flags.Int("size", 0, "side of the views in pixels (default: the images')")
	asJSON := jsonFlag(c)
	complete(c, "scale", scales)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misuse("reproduce needs list, all or names of claims; see '%s --help'", c.CommandPath())
		}
		if slices.Equal(args, []string{"list"}) {
			return a.listClaims(*asJSON)
		}
		var err error
		if t.Claims, err = reproduce.Choose(args); err != nil {
			return usageError{err}
		}
		i := slices.Index(scales, *name)
		switch {
		case i < 0:
			return misuse("--scale %q: want one of %s", *name, strings.Join(scales, ", "))
		case !(*minutes >= 0) || !(*epochs >= 0) || *seeds < 0 || *images < 0 || *size < 0:
			return misuse("--max-minutes, --epochs, --seeds, --images and --size must be above 0")
		case t.Data == "":
			return misuse("--data is needed: the SPEC of the images, e.g. cifar-10-binary.tar.gz")
		}
		t.Scale = reproduce.Scales[i].With(*epochs, *images, *size, *seeds)
		t.Alike, t.Backend = a.inner, a.backend
		if *page == "" {
			*page = filepath.Join(t.Dir, "claims.md")
		}
		if *dryRun {
			return a.planTrial(t)
		}
		for _, claim := range t.Claims {
			if claim.Labelled && t.Labelled == "" {
				a.say("%s is left out: it learns from labels, and --labelled names no images", claim.Name)
			}
		}
		if err := t.Begin(c.Context()); err != nil {
			return err
		}
		ended, runErr := t.Run(c.Context(), time.Duration(*minutes*float64(time.Minute)), a.say)
		if runErr != nil && c.Context().Err() != nil {
			runErr = fmt.Errorf("stopped; the same command goes on: %w", context.Cause(c.Context()))
		}
		// What is there is worth a page, also after a stop.
		findings, err := t.Findings(context.WithoutCancel(c.Context()))
		if err == nil {
			err = reproduce.WritePage(*page, commandLine(c), t.Scale, findings)
		}
		if err := errors.Join(runErr, err); err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"page": *page, "complete": ended, "claims": findings})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for _, f := range findings {
			fmt.Fprintf(w, "%s\t%s\t%d of %d runs\n", f.Name, f.Verdict, f.Done, f.Runs)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, *page)
		return nil
	}
	return c
}

// scaleHelp says what the scales are.
func scaleHelp() string {
	var b strings.Builder
	b.WriteString("The scales:\n")
	for _, s := range reproduce.Scales {
		fmt.Fprintf(&b, "  %s: %s, %s\n", s.Name, s.Summary, s.Takes)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// listClaims names all claims and their questions.
func (a *app) listClaims(asJSON bool) error {
	if asJSON {
		out := map[string]string{}
		for _, c := range reproduce.Claims() {
			out[c.Name] = c.Question
		}
		return a.printJSON(map[string]any{"claims": out})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, c := range reproduce.Claims() {
		fmt.Fprintf(w, "%s\t%s\n", c.Name, c.Question)
	}
	return w.Flush()
}

// planTrial says what a trial would run, and how long that may take.
func (a *app) planTrial(t *reproduce.Trial) error {
	jobs, err := t.Jobs()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "claim\truns\tdone\ttime left, if run alone")
	for _, c := range t.Claims {
		var own []reproduce.Job
		done := 0
		for _, j := range jobs {
			if j.Claim == c {
				own = append(own, j)
				if j.Done {
					done++
				}
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", c.Name, len(own), done, t.Left(own).Round(time.Minute))
	}
	distinct := map[string]bool{}
	for _, j := range jobs {
		distinct[j.Name] = true
	}
	fmt.Fprintf(w, "all, what they share once\t%d\t\t%s\n", len(distinct), t.Left(jobs).Round(time.Minute))
	return w.Flush()
}

// inner runs a command line within this one, on the same engine, and returns what it prints.
func (a *app) inner(ctx context.Context, args ...string) ([]byte, error) {
	if a.backend != "" {
		args = append(args, "--backend", a.backend)
	}
	return Output(ctx, args...)
}

// Output runs a command line and returns what it prints; what it says besides is its error.
func Output(ctx context.Context, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	if code := Run(ctx, args, strings.NewReader(""), &out, &errs); code != exitDone {
		return nil, fmt.Errorf("alike %s: %s", strings.Join(args, " "), strings.TrimPrefix(strings.TrimSpace(errs.String()), "alike: "))
	}
	return out.Bytes(), nil
}

// commandLine is how this command was called, with paths as names.
func commandLine(c *cobra.Command) string {
	words := append([]string{c.CommandPath()}, c.Flags().Args()...)
	for _, name := range []string{"scale", "data", "labelled", "epochs", "images", "size", "seeds", "only", "backend"} {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			value := f.Value.String()
			if strings.ContainsRune(value, os.PathSeparator) {
				value = filepath.Base(value)
			}
			words = append(words, "--"+name, value)
		}
	}
	return strings.Join(words, " ")
}
