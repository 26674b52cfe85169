package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/eval"
)

func (a *app) evalTransform() *cobra.Command {
	m := eval.DefaultLinear()
	of := ""
	c := a.evalCommand("transform", "Tell from the embedding what was done to an image",
		`The labels are not
the images': a linear classifier is fitted to tell whether an image was made gray or
noisy, whether its Sobel filter was taken, or by how many quarter turns it
was rotated. What it cannot tell is not in the embedding. Chance is one half, of
rotations a quarter.`, func() (measure, error) {
			if of == "" {
				return nil, misuse("--of is needed: what was done to the images, %s", strings.Join(augment.Puzzles(), ", "))
			}
			m.Room = a.memory.room
			return transformed(of, m), m.Validate()
		})
	c.Example = "  alike eval transform runs/simclr-resnet8 --of rotate\n  alike eval transform runs/simclr-resnet8 --of gray --layer z --json"
	c.Flags().StringVar(&of, "of", "", "what was done to the images: "+strings.Join(augment.Puzzles(), ", "))
	c.Flags().IntVar(&m.MaxIterations, "max-iterations", m.MaxIterations, "limit of each fit's iterations")
	complete(c, "of", augment.Puzzles())
	return a.memoryFlag(c)
}

// transformed measures by how well a linear classifier tells what was done to images.
func transformed(of string, m eval.Linear) measure {
	return func(ctx context.Context, l *labelling) ([]eval.Score, error) {
		if err := l.apart(); err != nil {
			return nil, err
		}
		puzzled := *l
		for _, d := range []*hashed{&puzzled.bank, &puzzled.queries} {
			puzzle, err := augment.Puzzle(d.Dataset, of, l.model.Size())
			if err != nil {
				return nil, err
			}
			d.Dataset = puzzle
		}
		scores, err := embedded(one(m))(ctx, &puzzled)
		for i := range scores {
			scores[i].Metric = "transform_accuracy"
			scores[i].Protocol.Variant += "; the label is what was done to the image: " + of
		}
		return scores, err
	}
}
