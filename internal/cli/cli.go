// Package cli is alike's command line: one file a command. Results go to
// standard output, everything else to standard error.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses of Run.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisuse = 2
)

// app is what the commands share: the streams and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	quiet          bool
	backend        string
	memory         memory
	misused        error // found by help, which cannot return it
}

// usageError marks a fault in how alike was called, as opposed to one met
// while doing what was asked.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs the command line args and returns the process's exit status: 0
// done, 1 failed, 2 misused. It never exits the process itself.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	err := cmp.Or(root.ExecuteContext(ctx), a.misused)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "alike: %s\n", strings.ReplaceAll(err.Error(), "\n", "; ")) // all faults at once, in one line
	if errors.As(err, new(usageError)) {
		return exitMisuse
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "alike",
		Short: "Learn image embeddings in which similar things are near, measure them, use them",
		Long: `alike learns image embeddings in which similar things are near, measures how
good they are, and puts them to use: from a folder of images to a searchable
embedding, without Python and without a GPU.

A SPEC names images: a folder, archive or manifest whose format is recognised,
FORMAT:PATH to say it, - for a list of files on standard input, or
builtin:sprites?n=20000&seed=1 for generated ones ('alike list formats').`,
		Example: `  alike quickstart
  alike train simclr --data cifar-10-binary.tar.gz --encoder resnet8 --epochs 5
  alike eval knn runs/simclr-resnet8 --data cifar-10-binary.tar.gz
  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg`,
		SuggestionsMinimumDistance: 2,

		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "only results and errors")
	root.PersistentFlags().StringVar(&a.backend, "backend", "", `compute engine: simd (default), go, or with options, e.g. "simd:workers=1"`)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return misuse("%w; see '%s --help'", plainly(err), c.CommandPath())
	})
	show := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c.HasSubCommands() {
			if a.misused = noCommand(c, c.Flags().Args()); a.misused != nil {
				return
			}
		}
		show(c, args)
	})
	root.SetHelpCommand(help())
	root.Version = thisBuild().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(a.commands()...)
	return root
}

// help is the command that shows another's help.
func help() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  alike help train",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err == nil {
				err = noCommand(about, rest)
			}
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// plainly says what value a flag takes, without the parser's words.
func plainly(err error) error {
	bad := (*pflag.InvalidValueError)(nil)
	if !errors.As(err, &bad) {
		return err
	}
	want := map[string]string{"int": "a whole number", "uint64": "a whole number, at least 0", "float64": "a number", "bool": "true or false", "intSlice": "whole numbers with commas between"}
	if w, ok := want[bad.GetFlag().Value.Type()]; ok {
		return fmt.Errorf("--%s %q: want %s", bad.GetFlag().Name, bad.GetValue(), w)
	}
	return err
}

// noCommand turns a word that is no command into a usage error with the
// nearest commands.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("; '%s --help' says what it takes", c.CommandPath())
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return misuse("unknown command %q for %q%s", args[0], c.CommandPath(), hint)
}

// exactly demands the named positional arguments, no more and no fewer.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return misuse("%s needs %s; see '%s --help'", c.CommandPath(), strings.Join(names[len(args):], " and "), c.CommandPath())
		}
		if len(args) > len(names) {
			return misuse("%s does not take %q; see '%s --help'", c.CommandPath(), args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// group makes a command that only holds others.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noCommand, SuggestionsMinimumDistance: 2, RunE: func(c *cobra.Command, _ []string) error {
		return misuse("%s needs one of its commands; see '%s --help'", c.CommandPath(), c.CommandPath())
	}}
	c.AddCommand(sub...)
	return c
}

// logger writes notes of the library to standard error, or nowhere with --quiet.
func (a *app) logger() *slog.Logger { return slog.New(notes{a}) }

// notes says log messages as the rest of the program speaks.
type notes struct{ a *app }

func (n notes) Enabled(context.Context, slog.Level) bool { return !n.a.quiet }
func (n notes) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n notes) WithGroup(string) slog.Handler            { return n }
func (n notes) Handle(_ context.Context, r slog.Record) error {
	var details []string
	r.Attrs(func(a slog.Attr) bool {
		details = append(details, fmt.Sprintf("%s %v", a.Key, a.Value))
		return true
	})
	n.a.say("%s (%s)", r.Message, strings.Join(details, ", "))
	return nil
}

// say prints a note for people on standard error, or nothing with --quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}
