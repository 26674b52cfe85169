package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/eval"
	"alike/train"
)

func (a *app) evalFinetune() *cobra.Command {
	var labels []string
	f, seed := train.DefaultFinetune(1), train.DefaultFinetune(1).Seed
	var c *cobra.Command
	c = a.evalCommand("finetune", "Fine-tune the network with a linear classifier on some of the labels",
		`A source without
splits cannot be measured: an image would be classified by its own label.

The whole network is trained, as in SimCLR's semi-supervised experiments: crops and
flips, SGD with Nesterov momentum, the rate 0.05 times batch/256 falling to 0 along a
cosine, no regularisation. --labels takes a share of the labels, as many of each class, drawn by --seed. The
run stays as it is. Stopped or killed, the same command goes on where it was.`, func() (measure, error) {
			shares, err := parseShares(labels)
			if err != nil {
				return nil, fmt.Errorf("--labels: %w", err)
			}
			f.Seed = seed
			return func(ctx context.Context, l *labelling) (scores []eval.Score, err error) {
				if err := l.apart(); err != nil {
					return nil, err
				}
				bank := l.bank
				for _, share := range shares {
					one := f
					if !c.Flags().Changed("epochs") {
						one.Epochs = train.DefaultFinetune(share).Epochs
					}
					if l.bank, err = labelled(bank, share, seed); err != nil {
						return nil, err
					}
					s, err := finetuned(one, fmt.Sprintf("fine-tuning on %g %% of the labels", 100*share))(ctx, l)
					if err != nil {
						return nil, err
					}
					s[0].Protocol.Labels = share
					scores = append(scores, s...)
				}
				return scores, nil
			}, f.Validate()
		})
	c.Example = "  alike eval finetune runs/simclr-resnet8 --labels 1%\n  alike eval finetune runs/simclr-resnet8 --data cifar-10-binary.tar.gz --labels 1%,10%,100% --json"
	c.Flags().StringSliceVar(&labels, "labels", []string{"10%"}, "shares of the labels to train on, as many of each class")
	addSGDFlags(c, &f)
	c.Flags().Lookup("epochs").Usage = "passes over the labelled images (default: 60 for 1 % of the labels, 30 for more)"
	c.Flags().Lookup("epochs").DefValue = "0"
	c.Flags().Uint64Var(&seed, "seed", seed, "seed of the labelled images, of their order and of the views")
	return c
}

// addSGDFlags adds the flags of what is trained on labels.
func addSGDFlags(c *cobra.Command, f *train.Finetune) {
	c.Flags().Float64Var(&f.Epochs, "epochs", f.Epochs, "passes over the labelled images")
	c.Flags().IntVar(&f.Batch, "batch", f.Batch, "images per step, at most all there are")
	c.Flags().Float64Var(&f.LR, "lr", f.LR, "learning rate for a batch of 256")
	c.Flags().Float64Var(&f.WeightDecay, "weight-decay", f.WeightDecay, "weight decay of all but biases and batch norm")
}

// finetuned measures by training on labels.
func finetuned(f train.Finetune, what string) measure {
	return func(ctx context.Context, l *labelling) ([]eval.Score, error) {
		if err := l.apart(); err != nil {
			return nil, err
		}
		queries := l.queries
		bank, err := labelled(l.bank, 1, f.Seed) // without images that have no label
		if err != nil {
			return nil, err
		}
		if known, err := labelled(queries, 1, f.Seed); err != nil || known.Len() < queries.Len() {
			return nil, fmt.Errorf("%s has images without labels, and scores need them", queries.Name())
		}
		var bar *progress
		f.Dir = filepath.Join(l.from.path, "finetune", trainingKey(f, l.model, bank))
		s, err := l.model.Finetune(ctx, f, bank, queries, func(p train.Progress) {
			if bar == nil {
				bar = l.app.progress(what, p.Total)
			}
			bar.step(p)
		})
		if bar != nil {
			bar.done()
		}
		if err != nil {
			return nil, err
		}
		bank.sign(&s.Protocol.Bank)
		queries.sign(&s.Protocol.Queries)
		if l.left != nil {
			s = l.left.fromScore(s)
		}
		l.kept = append(l.kept, f.Dir)
		return []eval.Score{s}, nil
	}
}

// trainingKey names what is trained: a training that was stopped goes on if all of it is the same.
func trainingKey(f train.Finetune, m *alike.Model, bank hashed) string {
	key := sha256.Sum256(fmt.Append(nil, f, m.Subject().WeightsSHA256, m.Layer(), bank.sha256))
	return hex.EncodeToString(key[:6])
}

// labelled is a share of the labelled images of a split, as many of each class.
func labelled(d hashed, share float64, seed uint64) (hashed, error) {
	index, err := dataset.Balanced(d, share, seed)
	if err != nil || len(index) == d.Len() {
		return d, err
	}
	d.Dataset = dataset.Subset(d.Dataset, d.Name(), index)
	d.sha256, err = dataset.Hash(d.Dataset)
	return d, err
}

// parseShares reads "1%" or "0.01".
func parseShares(texts []string) (shares []float64, err error) {
	for _, text := range texts {
		number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
		share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if percent {
			share /= 100
		}
		if err != nil || !(share > 0 && share <= 1) {
			return nil, fmt.Errorf("%q: want a share above 0 and at most all, such as 1%% or 0.01", text)
		}
		shares = append(shares, share)
	}
	if len(shares) == 0 {
		return nil, fmt.Errorf("want at least one share, such as 1%%")
	}
	return shares, nil
}
