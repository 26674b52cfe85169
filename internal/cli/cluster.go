package cli

import (
	"context"

	"github.com/spf13/cobra"

	"alike/eval"
)

func (a *app) evalCluster() *cobra.Command {
	m := eval.DefaultNMI()
	c := a.evalSplit(&cobra.Command{
		Use:   "cluster RUN | MODEL.onnx",
		Short: "Cluster the images by k-means: NMI, AMI, ARI and purity",
		Long: `Cluster the images by k-means into as many clusters as there are classes, and
measure how well clusters and classes agree: NMI by both means of the entropies,
AMI and ARI (0 by chance), purity. The intervals are bootstrapped over the images.
Raw pixels and the untrained network are measured beside the run.

The scores are printed and appended to the run's scores.jsonl with their protocols.`,
		Example: "  alike eval cluster runs/simclr-resnet8 --data cub-200.tar.gz --classes \">100\"\n" +
			"  alike eval cluster runs/simclr-resnet8 --data builtin:sprites --json",
	}, func() error {
		m.Bootstrap.Seed = m.Seed
		return m.Validate()
	}, func(ctx context.Context, _, images *eval.Features) ([]eval.Score, error) {
		return m.ClusterScores(ctx, images)
	})
	c.Flags().IntVar(&m.Restarts, "restarts", m.Restarts, "restarts of k-means")
	c.Flags().IntVar(&m.Bootstrap.Resamples, "resamples", m.Bootstrap.Resamples, "resamples of the images that the intervals come from")
	c.Flags().Uint64Var(&m.Seed, "seed", m.Seed, "seed of k-means and of the resamples")
	return c
}

// evalSplit makes c a command that measures one split of a run's data, beside raw
// pixels and the untrained network.
func (a *app) evalSplit(c *cobra.Command, validate func() error, measure scorers) *cobra.Command {
	c.Args = exactly("a RUN")
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	asJSON := jsonFlag(c)
	split := c.Flags().String("split", "", "split that is measured (default: test, or the only one)")
	references := c.Flags().Bool("references", true, "measure raw pixels and the untrained network beside the run")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := validate(); err != nil {
			return usageError{err}
		}
		from, err := openOrigin(args[0])
		if err != nil {
			return err
		}
		source, err := a.open(c.Context(), from.data(data))
		if err != nil {
			return err
		}
		images, err := chosenSplit(source, *split)
		if err != nil {
			return err
		}
		var table [][]eval.Score
		for _, subject := range a.subjects(from, which, *references) {
			scores, err := subject(c.Context(), normalised(measure), images, images)
			if err != nil {
				return err
			}
			table = append(table, scores)
		}
		return a.finishTable(from, table, *asJSON)
	}
	return a.memoryFlag(c)
}
