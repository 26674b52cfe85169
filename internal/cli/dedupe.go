package cli

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/internal/atomicfile"
	"alike/internal/sheet"
	"alike/tidy"
)

func (a *app) dedupe() *cobra.Command {
	c := &cobra.Command{
		Use:   "dedupe INDEX | RUN | MODEL.onnx",
		Short: "Find images that are nearly the same, as a list to go through",
		Long: `Find groups of images whose embeddings are nearly the same. The first of each group
in the order of the data is kept; each of the others is at least so similar to it, and
without them no two images are. Nothing is deleted: --out writes a list, one a line,
of the copy, its similarity and what is kept, to be looked through and acted upon.

What similarity means "the same" depends on the model. By default it is one that is
ten times as near to 1 as that of an image and its nearest usually is; the command says it,
and how many images have another so near, and --picture shows the groups. ('alike data check' finds
copies by their pixels, without a model.)`,
		Example: "  alike dedupe photos.index --picture copies.png --out copies.tsv\n  alike dedupe runs/simclr-resnet8 --data photos/ --similarity 0.99 --json",
		Args:    exactly("an INDEX or a RUN"),
	}
	var g galleryFlags
	g.add(c)
	similarity := c.Flags().Float64("similarity", 0, "cosine from which on images count as the same (default: ten times as near as the nearest usually is)")
	out := c.Flags().String("out", "", "file of the list, tab-separated: copy, similarity, kept")
	picture := c.Flags().String("picture", "", "picture of the largest groups")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if !(*similarity > -1 && *similarity <= 1) {
			return misuse("--similarity %g: must be a cosine, above -1 and at most 1", *similarity)
		}
		if err := wantPNG("--picture", *picture); err != nil {
			return err
		}
		gallery, err := a.gallery(c.Context(), args[0], g)
		if err != nil {
			return err
		}
		defer gallery.close()
		f := gallery.index.Features()
		closest, err := tidy.Closest(c.Context(), f)
		if err != nil {
			return err
		}
		if !c.Flags().Changed("similarity") {
			*similarity = float64(tidy.Same(closest))
			a.say("images of similarity %.5f count as the same (--similarity sets it)", *similarity)
		}
		found, err := tidy.Duplicates(c.Context(), f, float32(*similarity))
		if err != nil {
			return err
		}
		groups, copies := copyGroups(gallery, found)
		if *out != "" {
			if err := atomicfile.WriteAll(atomicfile.File{Path: *out, Write: func(w io.Writer) error { return writeCopies(w, groups) }}); err != nil {
				return err
			}
			a.say("the list is in %s; nothing was deleted", *out)
		}
		if *picture != "" && len(groups) > 0 {
			if err := gallery.drawCopies(*picture, groups); err != nil {
				return err
			}
			a.say("the picture is in %s", *picture)
		}
		if *asJSON {
			return a.printJSON(map[string]any{"images": f.N, "similarity": *similarity, "copies": copies, "groups": groups, "nearest": nearestShares(closest)})
		}
		for _, s := range nearestShares(closest) {
			a.say("%5.1f %% of the images have another of similarity %g or more", 100*s.Share, s.Similarity)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "copies\tleast similar\tkept")
		for i, g := range groups {
			if i == 20 {
				fmt.Fprintf(w, "... and %d more groups\t\t\n", len(groups)-i)
				break
			}
			fmt.Fprintf(w, "%d\t%.5f\t%s\n", len(g.Copies), g.Copies[len(g.Copies)-1].Similarity, g.Keep)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%d of %d images are copies at similarity %.5g, in %d groups\n", copies, f.N, *similarity, len(groups))
		return nil
	}
	return c
}

// wantPNG refuses a name of a picture that is no PNG's.
func wantPNG(flag, path string) error {
	if path != "" && filepath.Ext(path) != ".png" {
		return misuse("%s %q: want a file that ends in .png", flag, path)
	}
	return nil
}

// copyGroup is a group by the images' names.
type copyGroup struct {
	Keep   string      `json:"keep"`
	Copies []imageCopy `json:"copies"`
}

type imageCopy struct {
	ID         string  `json:"id"`
	Similarity float32 `json:"similarity"`
}

func copyGroups(g *gallery, found []tidy.Group) (groups []copyGroup, copies int) {
	groups = []copyGroup{}
	for _, f := range found {
		group := copyGroup{Keep: g.index.Entry(f.Keep).ID}
		for _, n := range f.Copies {
			group.Copies = append(group.Copies, imageCopy{g.index.Entry(n.Row).ID, n.Similarity})
		}
		copies += len(group.Copies)
		groups = append(groups, group)
	}
	return groups, copies
}

// nearestShare is how many images have another of some similarity.
type nearestShare struct {
	Similarity float32 `json:"similarity"`
	Share      float64 `json:"share"`
}

func nearestShares(closest []float32) (shares []nearestShare) {
	for _, s := range []float32{0.999, 0.99, 0.97, 0.95, 0.9} {
		n := 0
		for _, c := range closest {
			if c >= s {
				n++
			}
		}
		shares = append(shares, nearestShare{s, float64(n) / float64(max(1, len(closest)))})
	}
	return shares
}

func writeCopies(w io.Writer, groups []copyGroup) error {
	to := bufio.NewWriter(w)
	fmt.Fprintln(to, "copy\tsimilarity\tkept")
	for _, g := range groups {
		for _, c := range g.Copies {
			fmt.Fprintf(to, "%s\t%.4f\t%s\n", c.ID, c.Similarity, g.Keep)
		}
	}
	return to.Flush()
}

// drawCopies draws the largest groups, one a row.
func (g *gallery) drawCopies(path string, groups []copyGroup) error {
	const most, wide = 20, 10
	var rows [][]sheet.Cell
	for _, group := range groups[:min(most, len(groups))] {
		img, err := g.image(group.Keep)
		if err != nil {
			return err
		}
		row := []sheet.Cell{{Image: img, Caption: "kept", Frame: queryFrame}}
		for _, c := range group.Copies[:min(wide, len(group.Copies))] {
			if img, err = g.image(c.ID); err != nil {
				return err
			}
			row = append(row, sheet.Cell{Image: img, Caption: fmt.Sprintf("%.3f", c.Similarity)})
		}
		rows = append(rows, row)
	}
	return writeSheet(path, rows)
}

// writeSheet writes a sheet of pictures.
func writeSheet(path string, rows [][]sheet.Cell) error {
	png, err := sheet.PNG(rows, 96)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, png)
}
