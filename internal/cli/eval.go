package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/eval"
)

// scorer measures features of queries with labels from a bank.
type scorer interface {
	Score(ctx context.Context, bank, queries *eval.Features) (eval.Score, error)
}

func (a *app) evalKNN() *cobra.Command {
	m := eval.DefaultKNN()
	c := a.evalCommand("knn", "Classify test images by their nearest training images (weighted kNN)",
		"A source without\nsplits is measured by leaving each image out of its own neighbours.", func() (scorer, error) { return m, m.Validate() })
	c.Flags().IntVar(&m.K, "k", m.K, "number of neighbours that vote")
	c.Flags().Float64Var(&m.Temperature, "temperature", m.Temperature, "votes weigh exp(cosine/temperature)")
	c.Flags().BoolVar(&m.Plain, "plain", false, "one vote each, whatever the cosine")
	return c
}

func (a *app) evalLinear() *cobra.Command {
	m := eval.DefaultLinear()
	c := a.evalCommand("linear", "Fit a linear classifier to the frozen embedding",
		"A source without\nsplits cannot be measured: an image would be classified by its own label.", func() (scorer, error) { return m, m.Validate() })
	c.Flags().IntVar(&m.MaxIterations, "max-iterations", m.MaxIterations, "limit of each fit's iterations")
	c.Flags().Uint64Var(&m.Seed, "seed", m.Seed, "seed of the held-out part that chooses the regularisation")
	return c
}

// evalCommand is a command that measures a run with a scorer.
func (a *app) evalCommand(name, short, unsplit string, build func() (scorer, error)) *cobra.Command {
	c := &cobra.Command{
		Use:   name + " RUN",
		Short: short,
		Long: short + `.

Labels come from the train split, queries from the test split. ` + unsplit + `
The score is printed and appended to the run's scores.jsonl with its protocol.`,
		Example: fmt.Sprintf("  alike eval %s runs/simclr-resnet8 --data cifar-10-binary.tar.gz\n  alike eval %s runs/simclr-resnet8 --data builtin:sprites --layer z --json", name, name),
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	asJSON := jsonFlag(c)
	without := excludeFlag(c)
	split := c.Flags().String("split", "", "split of the queries (default: test)")
	byClass := perClassFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := build()
		if err != nil {
			return usageError{err}
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		source, err := a.openFor(c.Context(), args[0], data)
		if err != nil {
			return err
		}
		bank, queries, err := bankAndQueries(source, *split)
		if err != nil {
			return err
		}
		left, err := exclude(*without, queries)
		if err != nil {
			return err
		}
		b, err := a.features(c.Context(), model, bank)
		if err != nil {
			return err
		}
		q := b
		if queries.Dataset != bank.Dataset {
			if q, err = a.features(c.Context(), model, queries); err != nil {
				return err
			}
		}
		scores, err := left.around(perClass(byClass, one(s)))(c.Context(), b, q)
		if err != nil {
			return err
		}
		score := scores[0]
		score.Subject = model.Subject()
		if err := eval.Append(filepath.Join(args[0], "scores.jsonl"), score); err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(score)
		}
		a.printScore(score)
		return a.printClasses(scores)
	}
	return c
}

// one is a scorer as scorers.
func one(s scorer) scorers {
	return func(ctx context.Context, bank, queries *eval.Features) ([]eval.Score, error) {
		score, err := s.Score(ctx, bank, queries)
		return []eval.Score{score}, err
	}
}

func (a *app) printScore(s eval.Score) {
	fmt.Fprintf(a.stdout, "%s %.2f %% (95 %% interval %s)\n", s.Metric, 100*s.Value, s.Interval())
	p := s.Protocol
	fmt.Fprintf(a.stdout, "  %s at step %d, layer %s, %d images of %s (%s) against %d of %s\n",
		s.Subject.Name, s.Subject.Step, p.Layer, p.Queries.Images, p.Queries.Data, p.Queries.Split, p.Bank.Images, p.Bank.Split)
	for _, note := range s.Notes {
		fmt.Fprintf(a.stdout, "  %s\n", note)
	}
}

// bankAndQueries are the splits that labels and queries come from.
func bankAndQueries(s *dataset.Source, split string) (bank, queries hashed, err error) {
	b, bankSplit, err1 := s.Training()
	q, querySplit, err2 := s.Evaluation()
	if split != "" {
		querySplit = split
		q, err2 = s.Split(split)
	}
	if err := errors.Join(err1, err2); err != nil {
		return bank, queries, err
	}
	if bank, err = hash(s, b, bankSplit); err != nil || q == b {
		return bank, bank, err
	}
	queries, err = hash(s, q, querySplit)
	return bank, queries, err
}
