package cli

import (
	"context"

	"github.com/spf13/cobra"

	"alike/eval"
)

func (a *app) evalVerification() *cobra.Command {
	m := eval.DefaultVerification()
	c := a.evalSplit(&cobra.Command{
		Use:   "verification RUN | MODEL.onnx",
		Short: "Tell pairs of one class from pairs of two: AUC, EER, TAR at a FAR",
		Long: `Ask of every pair of images whether they are of one class, by a threshold on
their cosine: the area under the ROC curve, the equal error rate, and the share of
true accepts where no more than a rate of false ones is allowed. All pairs count,
once, in bounded memory. Raw pixels and the untrained network are measured beside
the run.

The scores are printed and appended to the run's scores.jsonl with their protocols.`,
		Example: "  alike eval verification runs/simclr-resnet8 --data cub-200.tar.gz --classes \">100\"\n" +
			"  alike eval verification runs/simclr-resnet8 --data builtin:sprites --far 0.01 --json",
	}, func() error { return m.Validate() }, func(ctx context.Context, _, images *eval.Features) ([]eval.Score, error) {
		return m.Scores(ctx, images)
	})
	c.Flags().Float64SliceVar(&m.FAR, "far", m.FAR, "false accept rates, falling")
	return c
}
