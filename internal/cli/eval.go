package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/eval"
	"alike/train"
)

// scorer measures features of queries with labels from a bank.
type scorer interface {
	Score(ctx context.Context, bank, queries *eval.Features) (eval.Score, error)
}

func (a *app) evalKNN() *cobra.Command {
	m := eval.DefaultKNN()
	c := a.evalCommand("knn", "Classify test images by their nearest training images (weighted kNN)",
		"A source without\nsplits is measured by leaving each image out of its own neighbours.", func() (measure, error) { return embedded(normalised(one(m))), m.Validate() })
	c.Flags().IntVar(&m.K, "k", m.K, "number of neighbours that vote")
	c.Flags().Float64Var(&m.Temperature, "temperature", m.Temperature, "votes weigh exp(cosine/temperature)")
	c.Flags().BoolVar(&m.Plain, "plain", false, "one vote each, whatever the cosine")
	return a.memoryFlag(c)
}

func (a *app) evalLinear() *cobra.Command {
	m := eval.DefaultLinear()
	sgd := train.DefaultLinearSGD()
	useSGD := false
	c := a.evalCommand("linear", "Fit a linear classifier to the frozen embedding",
		`A source without
splits cannot be measured: an image would be classified by its own label. With
--data of other images than the run's it measures transfer.

The classifier is fitted by L-BFGS to cached features, or with --sgd trained on
random crops and flips, as in the papers' tables; --epochs, --batch, --lr and
--weight-decay are for that.`, func() (measure, error) {
			if useSGD {
				return finetuned(sgd, "training the classifier"), sgd.Validate()
			}
			m.Room = a.memory.room
			return embedded(one(m)), m.Validate()
		})
	c.Flags().BoolVar(&useSGD, "sgd", false, "train by SGD on random crops and flips")
	addSGDFlags(c, &sgd)
	c.Flags().IntVar(&m.MaxIterations, "max-iterations", m.MaxIterations, "limit of each fit's iterations")
	c.Flags().Uint64Var(&m.Seed, "seed", m.Seed, "seed of the held-out part that chooses the regularisation; with --sgd of the order and the views")
	c.PreRun = func(*cobra.Command, []string) { sgd.Seed = m.Seed }
	return a.memoryFlag(c)
}

// labelling is a model that labels queries by the images of a bank.
type labelling struct {
	app           *app
	from          origin
	model         *alike.Model
	left          *exclusion // what is left out of the queries, nil for nothing
	bank, queries hashed

	kept []string // folders of trainings, of no use when their scores are on the disk
}

// apart refuses images that would be labelled by themselves.
func (l *labelling) apart() error {
	if l.queries.Dataset == l.bank.Dataset {
		return fmt.Errorf("the images of %s are those that are learned from and those that are measured: give data with a train and a test split", l.bank.Name())
	}
	return nil
}

// measure measures it.
type measure func(context.Context, *labelling) ([]eval.Score, error)

// embedded has the accuracy of the model's embeddings measured.
func embedded(measure scorers) measure {
	return func(ctx context.Context, l *labelling) (scores []eval.Score, err error) {
		defer func() { err = errors.Join(err, l.app.memory.release()) }()
		bank, err := l.app.features(ctx, l.model, l.bank)
		if err != nil {
			return nil, err
		}
		if l.queries.Dataset == l.bank.Dataset {
			return l.left.around(measure)(ctx, bank, bank)
		}
		queries, err := l.app.features(ctx, l.model, l.queries)
		if err != nil {
			return nil, err
		}
		if scores, err = measure(ctx, bank, queries); err != nil {
			return nil, err
		}
		for i := range scores {
			if l.left != nil {
				scores[i] = l.left.fromScore(scores[i])
			}
		}
		return scores, nil
	}
}

// normalised has embeddings measured that were normalised in place, which spares the measurement a copy.
func normalised(measure scorers) scorers {
	return func(ctx context.Context, bank, queries *eval.Features) ([]eval.Score, error) {
		bank.Normalize()
		if queries != bank {
			queries.Normalize()
		}
		return measure(ctx, bank, queries)
	}
}

// one is a scorer as scorers.
func one(s scorer) scorers {
	return func(ctx context.Context, bank, queries *eval.Features) ([]eval.Score, error) {
		score, err := s.Score(ctx, bank, queries)
		return []eval.Score{score}, err
	}
}

// evalCommand is a command that labels queries by a bank.
func (a *app) evalCommand(name, short, unsplit string, build func() (measure, error)) *cobra.Command {
	c := &cobra.Command{
		Use:   name + " RUN | MODEL.onnx",
		Short: short,
		Long: short + `.

Labels come from the train split, queries from the test split. ` + unsplit + `
The score is printed and appended to the run's scores.jsonl with its protocol, or
to MODEL.onnx.scores.jsonl.`,
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
		measure, err := build()
		if err != nil {
			return usageError{err}
		}
		from, err := openOrigin(args[0])
		if err != nil {
			return err
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		source, err := a.open(c.Context(), from.data(data))
		if err != nil {
			return err
		}
		bank, queries, err := bankAndQueries(source, *split)
		if err != nil {
			return err
		}
		l := &labelling{app: a, from: from, model: model, bank: bank, queries: queries}
		if l.left, err = exclude(*without, queries); err != nil {
			return err
		}
		scores, err := measure(c.Context(), l)
		if err != nil {
			return err
		}
		for i := range scores {
			s := &scores[i]
			s.Subject = model.Subject()
			if s.Subject.Data != "" && s.Subject.Data != bank.spec {
				s.Notes = append(s.Notes, fmt.Sprintf("transfer: the network was trained on %s", s.Subject.Data))
			}
			if *byClass {
				s.PerClass = eval.PerClass(*s, labelsOf(queries, l.left))
			}
			if err := eval.Append(from.scores(), *s); err != nil {
				return err
			}
		}
		for _, dir := range l.kept {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		if *asJSON {
			return a.printScores(scores)
		}
		for _, s := range scores {
			a.printScore(s)
			if err := a.printClasses([]eval.Score{s}); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// printScores prints one score as an object, several in a list of one.
func (a *app) printScores(scores []eval.Score) error {
	if len(scores) == 1 {
		return a.printJSON(scores[0])
	}
	return a.printJSON(map[string]any{"scores": scores})
}

// nameOf says which network it is: of a run, after which step.
func nameOf(s eval.Subject) string {
	if s.Method == "" {
		return s.Name
	}
	return fmt.Sprintf("%s at step %d", s.Name, s.Step)
}

func (a *app) printScore(s eval.Score) {
	fmt.Fprintf(a.stdout, "%s %.2f %% (95 %% interval %s)\n", s.Metric, 100*s.Value, s.Interval())
	p := s.Protocol
	fmt.Fprintf(a.stdout, "  %s, layer %s, %d images of %s (%s) against %d of %s\n",
		nameOf(s.Subject), p.Layer, p.Queries.Images, p.Queries.Data, p.Queries.Split, p.Bank.Images, p.Bank.Split)
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
