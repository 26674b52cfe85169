package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/dataset"
	"alike/encoder"
	"alike/head"
	"alike/loss"
	"alike/method"
	"alike/optimize"
)

// kind is a family of parts that list shows.
type kind struct {
	names   []string
	summary func(name string) string
}

func kinds() map[string]kind {
	return map[string]kind{
		"methods":       {method.Methods.Names(), method.Methods.Summary},
		"losses":        {loss.Losses.Names(), loss.Losses.Summary},
		"encoders":      {encoder.Encoders.Names(), encoder.Encoders.Summary},
		"heads":         {head.Heads.Names(), head.Heads.Summary},
		"optimizers":    {optimize.Optimizers.Names(), optimize.Optimizers.Summary},
		"augmentations": {augment.Augmentations.Names(), augment.Augmentations.Summary},
		"formats":       {dataset.Formats.Names(), dataset.Formats.Summary},
		"metrics":       {metricNames(), func(name string) string { return metrics[name] }},
	}
}

// metrics are the scores that eval knows.
var metrics = map[string]string{
	"knn_accuracy":       "weighted k-nearest-neighbour classification, k = 200, temperature 0.1 (eval knn)",
	"linear_accuracy":    "linear probe: logistic regression on frozen features (eval linear)",
	"finetune_accuracy":  "the whole network fine-tuned on a share of the labels (eval finetune)",
	"cmc_area@N":         "mean of the CMC curve to rank N, the shares of the queries with a match by each rank (eval retrieval --cmc N)",
	"recall@K":           "share of queries with one of their class among the K nearest (eval retrieval)",
	"precision@K":        "share of their class among the K nearest of a query (eval retrieval)",
	"r_precision":        "precision at R, the number of images of the query's class (eval retrieval)",
	"map@r":              "mean average precision over the R nearest (eval retrieval)",
	"nmi_arithmetic":     "what k-means clusters say about the classes, by the arithmetic mean of the entropies (eval retrieval, eval cluster)",
	"nmi_geometric":      "the same by the geometric mean (eval cluster, eval retrieval --nmi-norm geometric)",
	"ami":                "mutual information of clusters and classes, adjusted for chance (eval cluster)",
	"ari":                "Rand index of clusters and classes, adjusted for chance (eval cluster)",
	"auc":                "area under the ROC curve of pairs of one class and of two (eval verification)",
	"eer":                "equal error rate of those pairs (eval verification)",
	"tar@far=F":          "share of pairs of one class accepted where a share F of the others is (eval verification)",
	"transform_accuracy": "linear probe for what was done to an image: gray, noise, Sobel, rotation (eval transform)",
	"purity":             "share of images that are of the most frequent class of their cluster (eval cluster)",
}

func metricNames() []string { return slices.Sorted(maps.Keys(metrics)) }

func (a *app) list() *cobra.Command {
	all := kinds()
	names := slices.Sorted(maps.Keys(all))
	c := &cobra.Command{
		Use:       "list " + strings.Join(names, "|"),
		Short:     "List what there is to choose from",
		Example:   "  alike list encoders\n  alike list losses --json",
		ValidArgs: names,
		Args:      exactly("what to list (" + strings.Join(names, ", ") + ")"),
	}
	asJSON := jsonFlag(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		k, ok := all[args[0]]
		if !ok {
			return misuse("there are no %q to list; have %s", args[0], strings.Join(names, ", "))
		}
		if *asJSON {
			out := map[string]string{}
			for _, n := range k.names {
				out[n] = k.summary(n)
			}
			return a.printJSON(map[string]any{args[0]: out})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for _, n := range k.names {
			fmt.Fprintf(w, "%s\t%s\n", n, k.summary(n))
		}
		return w.Flush()
	}
	return c
}
