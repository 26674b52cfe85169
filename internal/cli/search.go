package cli

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/index"
	"alike/internal/sheet"
)

func (a *app) search() *cobra.Command {
	c := &cobra.Command{
		Use:     "search RUN",
		Short:   "Find the images that are most like one",
		Example: "  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg\n  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg --k 20 --out cats.png\n  alike search runs/simclr-resnet8 --data photos/ --query cat.jpg --crop 40,10,64,64",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	split := c.Flags().String("split", "", "split to search (default: the only one, or test)")
	query := c.Flags().String("query", "", "image to search for: a file, or the id of an image of the data")
	crop := c.Flags().String("crop", "", "part of the query to search for, as x,y,w,h in pixels from its top left")
	k := c.Flags().Int("k", 10, "number of images to find")
	out := c.Flags().String("out", "", "picture of the query and what was found")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *query == "" {
			return misuse("--query is needed: an image file, or the id of an image of the data")
		}
		if *k < 1 {
			return misuse("--k %d: must be at least 1", *k)
		}
		if *out != "" && filepath.Ext(*out) != ".png" {
			return misuse("--out %q: want a file that ends in .png", *out)
		}
		part, err := parseCrop(*crop)
		if err != nil {
			return misuse("--crop %q: %v", *crop, err)
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
		gallery, err := chosenSplit(source, *split)
		if err != nil {
			return err
		}
		q, err := queryImage(gallery, *query)
		if err != nil {
			return err
		}
		if *crop != "" {
			if q, err = cropped(q, part); err != nil {
				return fmt.Errorf("--crop %s: %w", *crop, err)
			}
		}
		bar := a.progress("embedding", gallery.Len())
		x, err := model.Index(c.Context(), gallery)
		bar.done()
		if err != nil {
			return err
		}
		hits, err := x.Search(c.Context(), q, *k)
		if err != nil {
			return err
		}
		if *out != "" {
			if err := drawHits(*out, gallery, q, hits); err != nil {
				return err
			}
			a.say("the picture is in %s", *out)
		}
		if *asJSON {
			return a.printJSON(map[string]any{"query": *query, "hits": hitRows(gallery, hits)})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "rank\tcosine\tclass\timage")
		for i, h := range hitRows(gallery, hits) {
			fmt.Fprintf(w, "%d\t%.4f\t%s\t%s\n", i+1, h.Similarity, h.Class, h.ID)
		}
		return w.Flush()
	}
	return c
}

// queryImage is a file's image, or the gallery's image of that id.
func queryImage(gallery dataset.Dataset, query string) (image.Image, error) {
	file, err := os.ReadFile(query)
	if err == nil {
		img, err := dataset.Decode(file, 64_000_000)
		if err != nil {
			return nil, fmt.Errorf("--query %s: %w", query, err)
		}
		return img.RGBA(), nil
	}
	for i := range gallery.Len() {
		if gallery.ID(i) == query {
			img, err := gallery.Image(i)
			return img.RGBA(), err
		}
	}
	return nil, fmt.Errorf("--query %s: %w, and %s has no image of that id", query, err, gallery.Name())
}

// hitRow is a found image for people.
type hitRow struct {
	ID         string  `json:"id"`
	Index      int     `json:"index"`
	Class      string  `json:"class,omitempty"`
	Similarity float32 `json:"similarity"`
}

func hitRows(gallery dataset.Dataset, hits []index.Hit) []hitRow {
	rows := make([]hitRow, len(hits))
	for i, h := range hits {
		rows[i] = hitRow{h.ID, h.Index, className(gallery, h.Label), h.Similarity}
	}
	return rows
}

func className(d dataset.Dataset, label int) string {
	if classes := d.Classes(); label >= 0 && label < len(classes) {
		return classes[label]
	}
	return ""
}

// drawHits draws the query and what was found, ten in a row.
func drawHits(path string, gallery dataset.Dataset, query image.Image, hits []index.Hit) error {
	row := []sheet.Cell{{Image: query, Caption: "query", Frame: queryFrame}}
	var rows [][]sheet.Cell
	for _, h := range hits {
		img, err := gallery.Image(h.Index)
		if err != nil {
			return err
		}
		row = append(row, sheet.Cell{Image: img.RGBA(), Caption: fmt.Sprintf("%.3f %s", h.Similarity, className(gallery, h.Label))})
		if len(row) == 11 {
			rows = append(rows, row)
			row = []sheet.Cell{{}}
		}
	}
	if len(row) > 1 {
		rows = append(rows, row)
	}
	png, err := sheet.PNG(rows, 96)
	if err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}
