package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/embed"
	"alike/index"
	"alike/index/weaviate"
	"alike/serve"
)

func (a *app) embed() *cobra.Command {
	c := &cobra.Command{
		Use:   "embed RUN | MODEL.onnx",
		Short: "Write the embeddings of images to an index or a file",
		Long: `Write the embeddings of images, in the order of the data set, as the name of
--out says: NAME.index, or a name without an extension, is an index, a directory that
'alike search' reads; its vectors have length 1. NAME.npy is a NumPy array [N, D] of
float32, with the ids in NAME.ids.txt and the names of the classes in NAME.labels.txt,
one a line, and what the vectors are in NAME.json; with --views K it is [N, 1+K, D]: each
image as evaluation sees it, then K augmented views, for 'alike train --from-features'.
NAME.parquet has the columns id, path, vector, label and hash. These two are
not normalised unless --normalize is given (docs/search.md).

weaviate://HOST:PORT/Collection is a collection of a Weaviate server, made if it is not there;
HOST:PORT,HOST:PORT are nodes of a cluster. What is new or changed is written, what vanished is
deleted. The API key, if the server demands one, is in the environment's WEAVIATE_API_KEY.

A command that was stopped or killed goes on where it was. What is there already is
built on: only images whose content is new pass the network, and those that vanished
are named. The output has the same bytes whatever happened on the way.

For several machines, --shard 2/8 embeds one of eight parts. MODEL.onnx is an encoder
that others trained (docs/interop.md).`,
		Example: `  alike embed runs/simclr-resnet8 --data photos/ --out photos.index
  alike embed runs/simclr-resnet8 --data photos/ --out photos.npy
  alike embed runs/simclr-resnet8 --data photos/ --views 8 --out photos.npy
  alike embed dinov2.onnx --data photos/ --out photos.index
  alike embed runs/simclr-resnet8 --data shards.tar --out part2.parquet --shard 2/8 --normalize
  alike embed runs/simclr-resnet8 --data photos/ --out weaviate://localhost:8080/Photos`,
		Args: exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	split := c.Flags().String("split", "", "split to embed (default: the only one, or test)")
	out := c.Flags().String("out", "", "what to write: NAME.index, NAME.npy, NAME.parquet or weaviate://HOST:PORT/Collection")
	shard := c.Flags().String("shard", "", "embed one of several parts, e.g. 2/8; to which part an image belongs depends on its id alone")
	normalize := c.Flags().Bool("normalize", false, "scale each embedding to length 1; an index does in any case")
	views := c.Flags().Int("views", 0, "augmented views of each image that are embedded beside it, as the run makes its views; for NAME.npy")
	replicas := replicasFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: NAME.index, NAME.npy, NAME.parquet or weaviate://HOST:PORT/Collection")
		}
		form, err := embed.OutputOf(*out)
		if err != nil {
			return misuse("--out %q: %w", *out, err)
		}
		switch {
		case *views < 0:
			return misuse("--views %d: must be at least 0", *views)
		case *views > 0 && !form.Views:
			return misuse("--views needs a file that ends in .npy, whose array has a dimension for them")
		case *replicas < 0 || *replicas > 0 && !form.Remote:
			return misuse("--replicas %d: want at least 1, and an --out of weaviate://HOST:PORT/Collection", *replicas)
		}
		job := embed.Job{Views: *views, Out: *out, Strict: data.strict, MaxBad: data.maxBad, Replicas: *replicas, Token: os.Getenv(weaviate.TokenVariable)}
		if *shard != "" {
			if job.Shard, err = embed.ParseShard(*shard); err != nil {
				return misuse("--shard %w", err)
			}
		}
		if err := idle(*out); err != nil {
			return err
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		data.unchecked = true
		source, err := a.openFor(c.Context(), args[0], data)
		if err != nil {
			return err
		}
		d, name, err := splitOf(source, *split)
		if err != nil {
			return err
		}
		job.Data, job.About = d, model.About()
		job.Each = func(ctx context.Context, d dataset.Dataset, visit func(int, []float32, error) error) error {
			return model.EmbedEach(ctx, d, *views, visit)
		}
		job.About.Normalized = *normalize || form.Normalized
		job.About.CreatedBy = "alike " + thisBuild().Version
		job.About.Data = index.Data{Spec: source.Spec, Split: name, Classes: source.Classes}
		bar := a.progress("embedding "+d.Name(), d.Len())
		job.Progress = func(done int) { bar.at(done, fmt.Sprintf("of %d", d.Len())) }
		r, err := job.Run(c.Context())
		bar.done()
		if err != nil {
			return err
		}
		a.sayEmbedded(*out, d, r)
		if *asJSON {
			return a.printJSON(map[string]any{
				"file": *out, "images": r.Images, "dim": job.About.Dim, "views": *views, "layer": job.About.Layer, "normalized": job.About.Normalized, "subject": job.About.Model,
				"embedded": r.Embedded, "resumed": r.Resumed, "unchanged": r.Unchanged, "written": r.Written,
				"added": list(r.Added), "changed": list(r.Changed), "vanished": list(r.Vanished), "skipped": len(r.Skipped),
			})
		}
		fmt.Fprintf(a.stdout, "%d embeddings of %d values of %s in %s\n", r.Images, job.About.Dim, d.Name(), *out)
		return nil
	}
	return c
}

// idle says in an error that a server keeps a journal in an index that is to be replaced.
func idle(out string) error {
	if !index.Is(out) {
		return nil
	}
	return serve.Idle(journalOf(out))
}

// list is a list in JSON even if it is empty.
func list[T any](items []T) []T { return append([]T{}, items...) }

// sayEmbedded says what an embedding job did, and what has changed since the last.
func (a *app) sayEmbedded(out string, d dataset.Dataset, r embed.Result) {
	if r.Ignored != "" {
		graph := ""
		if index.Is(out) {
			graph = ", and a graph that it had is gone"
		}
		a.say("%s was there already but cannot be built on: %s; all images were embedded anew%s", out, r.Ignored, graph)
	}
	a.saySkipped(d.Name(), r.Skipped)
	a.say("%d images passed the network, %d were embedded by a job that was stopped, %d are unchanged", r.Embedded, r.Resumed, r.Unchanged)
	if !r.Former {
		return
	}
	if !r.Written {
		a.say("nothing has changed in %s", out)
		return
	}
	a.say("since the last time %d images are new, %d changed, %d vanished", len(r.Added), len(r.Changed), len(r.Vanished))
	for i, id := range r.Vanished {
		if i == 5 {
			a.say("... and %d more", len(r.Vanished)-i)
			break
		}
		a.say("vanished: %s", id)
	}
}
