package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike/index"
	"alike/index/hnsw"
	"alike/index/weaviate"
)

func (a *app) indexBuild() *cobra.Command {
	c := &cobra.Command{
		Use:   "build INDEX",
		Short: "Build a graph over an index, for searches that need not look at all of it",
		Long: `Build a hierarchical navigable small world graph (HNSW) over an index, measure which
share of the 10 nearest it finds at which effort (recall@10, against exact search, with
1000 of the vectors as queries), and store both in the index.

'alike search INDEX --recall 0.99' then chooses the least effort that reaches it.
Searches are exact without --recall, and with --class or --path. The graph does not
depend on the number of workers. It belongs to the vectors as they are: after 'alike
embed' has changed them, build it again.`,
		Example: "  alike index build photos.index\n  alike index build photos.index --m 32 --ef-construction 256",
		Args:    exactly("an INDEX"),
	}
	p := hnsw.Defaults()
	c.Flags().IntVar(&p.M, "m", p.M, "links that a vector makes in each layer; more find more, and take more memory and time")
	c.Flags().IntVar(&p.EfConstruction, "ef-construction", p.EfConstruction, "effort of the searches that find whom to link to")
	c.Flags().Uint64Var(&p.Seed, "seed", p.Seed, "seed of the layers")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := p.Validate(); err != nil {
			return usageError{err}
		}
		about, err := index.ReadAbout(args[0])
		if err != nil {
			return err
		}
		began := time.Now()
		bar := a.progress("building", about.Count)
		g, err := index.BuildGraph(c.Context(), args[0], p, func(done int) { bar.at(done, fmt.Sprintf("of %d", about.Count)) })
		bar.done()
		if err != nil {
			return err
		}
		a.say("built and measured in %s", time.Since(began).Round(time.Millisecond))
		if *asJSON {
			return a.printJSON(map[string]any{"index": args[0], "graph": g})
		}
		return a.printGraph(g)
	}
	return c
}

// printModel prints what made the vectors.
func (a *app) printModel(about index.About) {
	fmt.Fprintf(a.stdout, "  layer %s of %s (%s) at step %d, weights %.12s, images of %d pixels\n", about.Layer, about.Model.Name, about.Model.Encoder, about.Model.Step, about.Model.WeightsSHA256, about.Size)
}

// printGraph prints what each effort finds.
func (a *app) printGraph(g *index.Graph) error {
	fmt.Fprintf(a.stdout, "a graph of %s with m %d; recall@%d with %d vectors as queries, each among the others:\n", humanize.IBytes(uint64(g.File.Bytes)), g.M, g.K, g.Sample)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "effort\trecall\tvectors looked at\t")
	for _, e := range g.Efforts {
		fmt.Fprintf(w, "%d\t%.4f\t%d\t\n", e.Ef, e.Recall, e.Visited)
	}
	return w.Flush()
}

func (a *app) indexQuantize() *cobra.Command {
	c := &cobra.Command{
		Use:   "quantize INDEX",
		Short: "Write an index whose vectors take a quarter or a 32nd of the bytes, and say what that loses",
		Long: `Write an index with its vectors as int8, each, less the mean, scaled by its largest value:
a quarter of the bytes; or binary, a bit a value, whether it is above the mean: a 32nd. It prints the
bytes beside the share of the 10 nearest by float32 that are still found (recall@10, with
1000 of the vectors as queries). What was lost cannot be got back: keep the INDEX.`,
		Example: "  alike index quantize photos.index --to int8 --out small.index\n  alike index quantize photos.index --to binary --out tiny.index",
		Args:    exactly("an INDEX"),
	}
	to := c.Flags().String("to", index.Int8, "form of the vectors: "+strings.Join(index.Encodings(), " or "))
	complete(c, "to", index.Encodings())
	out := c.Flags().String("out", "", "index to write")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: the index to write")
		}
		if !slices.Contains(index.Encodings(), *to) {
			return misuse("--to %q: must be %s", *to, strings.Join(index.Encodings(), " or "))
		}
		if err := idle(*out); err != nil {
			return err
		}
		q, err := index.Quantize(c.Context(), args[0], *to, *out)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"index": *out, "encoding": *to, "quantized": q})
		}
		a.printQuantized(*to, q)
		return nil
	}
	return c
}

// printQuantized prints what a form saves, and what it loses.
func (a *app) printQuantized(encoding string, q *index.Quantized) {
	fmt.Fprintf(a.stdout, "%s: %s of %s, %.1f %% saved; recall@%d %.4f against float32, with %d vectors as queries\n", encoding,
		humanize.IBytes(uint64(q.Bytes)), humanize.IBytes(uint64(q.FloatBytes)), 100*(1-float64(q.Bytes)/float64(q.FloatBytes)), q.K, q.Recall, q.Sample)
}

func (a *app) indexMerge() *cobra.Command {
	c := &cobra.Command{
		Use:   "merge INDEX...",
		Short: "Join indexes of one model, as the parts that several machines embedded",
		Long: `Write the entries of several indexes, one after another, as one. They must come from the
same weights and layer, and no id may be in two of them. It has no graph before 'alike
index build'.`,
		Example: "  alike index merge part1.index part2.index --out all.index",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return misuse("%s needs at least two indexes; see '%s --help'", c.CommandPath(), c.CommandPath())
			}
			return nil
		},
	}
	out := c.Flags().String("out", "", "index to write")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: the index to write")
		}
		if err := idle(*out); err != nil {
			return err
		}
		about, err := index.Merge(*out, args...)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"index": *out, "images": about.Count, "dim": about.Dim, "data_sha256": about.Data.SHA256})
		}
		fmt.Fprintf(a.stdout, "%d embeddings of %d values in %s\n", about.Count, about.Dim, *out)
		return nil
	}
	return c
}

func (a *app) indexInfo() *cobra.Command {
	c := &cobra.Command{
		Use:     "info INDEX",
		Short:   "Say what an index holds, check its files, and what its graph finds",
		Example: "  alike index info photos.index\n  alike index info photos.index --json\n  alike index info weaviate://localhost:8080/Photos",
		Args:    exactly("an INDEX"),
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if weaviate.Is(args[0]) {
			return a.collectionInfo(c.Context(), args[0], *asJSON)
		}
		x, err := index.Open(args[0]) // which compares the checksums
		if err != nil {
			return err
		}
		defer x.Close()
		about := x.About
		if *asJSON {
			return a.printJSON(about)
		}
		fmt.Fprintf(a.stdout, "%s: %d vectors of %d values, %s, written %d times\n", args[0], about.Count, about.Dim, humanize.IBytes(uint64(about.Files.Vectors.Bytes)), about.Generation)
		a.printModel(about)
		fmt.Fprintf(a.stdout, "  data %s, split %s, sha256 %.12s\n", about.Data.Spec, about.Data.Split, about.Data.SHA256)
		if about.Quantized != nil {
			fmt.Fprint(a.stdout, "  ")
			a.printQuantized(about.Encoding, about.Quantized)
			return nil
		}
		if about.Graph == nil {
			fmt.Fprintf(a.stdout, "  no graph: searches are exact ('alike index build %s' makes one)\n", args[0])
			return nil
		}
		return a.printGraph(about.Graph)
	}
	return c
}
