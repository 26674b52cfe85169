package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/index"
	"alike/index/weaviate"
	"alike/internal/sheet"
)

func (a *app) search() *cobra.Command {
	c := &cobra.Command{
		Use:   "search INDEX | RUN | MODEL.onnx | weaviate://HOST:PORT/Collection",
		Short: "Find the images that are most like one",
		Long: `Find the images of an index, as 'alike embed' writes it, that are most like one;
of a RUN, its images are embedded first. Similarity is the cosine of the embeddings.

The query is an image file, or the id of an image of the index, whose embedding is
there already. --path takes a pattern for ids, with *, ? and [a-z] within a name:
what matches a folder matches everything in it. A collection of Weaviate is searched by the
server's own graph, and filtered by --class only.`,
		Example: `  alike search photos.index --query cat.jpg
  alike search photos.index --query cat.jpg --recall 0.99
  alike search photos.index --query cats/0012.jpg --class cat,lynx --path "2024/*"
  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg --k 20 --out cats.png
  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg --crop 40,10,64,64
  alike search weaviate://localhost:8080/Photos --query cat.jpg --class cat`,
		Args: exactly("an INDEX, a RUN or a collection"),
	}
	var g galleryFlags
	g.add(c)
	query := c.Flags().String("query", "", "image to search for: a file, or the id of an image")
	crop := c.Flags().String("crop", "", "part of the query to search for, as x,y,w,h in pixels from its top left")
	classes := c.Flags().StringSlice("class", nil, "find only images of these classes, by name")
	within := c.Flags().String("path", "", `find only images whose ids match a pattern, e.g. "cats/*"`)
	recall := c.Flags().Float64("recall", 0, "go by the graph of the INDEX, with the least effort that found this share of the nearest, e.g. 0.99 (default: exact)")
	k := c.Flags().Int("k", 10, "number of images to find")
	out := c.Flags().String("out", "", "picture of the query and what was found")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *query == "" {
			return misuse("--query is needed: an image file, or the id of an image")
		}
		if *k < 1 {
			return misuse("--k %d: must be at least 1", *k)
		}
		if err := wantPNG("--out", *out); err != nil {
			return err
		}
		if *recall < 0 || *recall > 1 {
			return misuse("--recall %g: must be above 0 and at most 1", *recall)
		}
		filter := index.Filter{Classes: *classes, Path: *within}
		if err := filter.Validate(); err != nil {
			return misuse("--path: %w", err)
		}
		part, err := parseCrop(*crop)
		if err != nil {
			return misuse("--crop %q: %v", *crop, err)
		}
		open := a.gallery
		if weaviate.Is(args[0]) {
			if *recall != 0 {
				return misuse("--recall is for an INDEX; a collection's server has an effort of its own")
			}
			open = a.collectionGallery
		}
		gallery, err := open(c.Context(), args[0], g)
		if err != nil {
			return err
		}
		defer gallery.close()
		if *recall != 0 {
			if err := gallery.index.Approximate(*recall); err != nil {
				return fmt.Errorf("--recall: %w", err)
			}
			a.say("going by the graph with effort %d", gallery.index.Effort())
		}
		q, err := gallery.query(c.Context(), *query)
		if err != nil {
			return err
		}
		if *crop != "" {
			if err := q.crop(part); err != nil {
				return fmt.Errorf("--crop %s: %w", *crop, err)
			}
		}
		features, err := q.features(c.Context())
		if err != nil {
			return err
		}
		found, err := gallery.search(c.Context(), features, *k, filter)
		if err != nil {
			return err
		}
		hits := list(found[0])
		if len(hits) == 0 {
			a.say("no image has such a class or path: --class takes whole names, --path a pattern of the whole id")
		}
		if *out != "" {
			if err := gallery.draw(*out, q, hits); err != nil {
				return err
			}
			a.say("the picture is in %s", *out)
		}
		if *asJSON {
			return a.printJSON(map[string]any{"query": *query, "hits": hits})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "rank\tcosine\tclass\timage")
		for i, h := range hits {
			fmt.Fprintf(w, "%d\t%.4f\t%s\t%s\n", i+1, h.Similarity, h.Class, h.ID)
		}
		return w.Flush()
	}
	return c
}

func className(d dataset.Dataset, label int) string {
	if classes := d.Classes(); label >= 0 && label < len(classes) {
		return classes[label]
	}
	return ""
}

// draw draws the query and what was found, ten in a row.
func (g *gallery) draw(path string, q *query, hits []index.Hit) error {
	img, err := q.image()
	if err != nil {
		return err
	}
	row := []sheet.Cell{{Image: img, Caption: "query", Frame: queryFrame}}
	var rows [][]sheet.Cell
	for _, h := range hits {
		img, err := g.image(h.ID)
		if err != nil {
			return err
		}
		row = append(row, sheet.Cell{Image: img, Caption: fmt.Sprintf("%.3f %s", h.Similarity, h.Class)})
		if len(row) == 11 {
			rows = append(rows, row)
			row = []sheet.Cell{{}}
		}
	}
	if len(row) > 1 {
		rows = append(rows, row)
	}
	return writeSheet(path, rows)
}
