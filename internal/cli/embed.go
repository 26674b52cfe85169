package cli

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/eval"
	"alike/internal/atomicfile"
	"alike/internal/npy"
)

func (a *app) embed() *cobra.Command {
	c := &cobra.Command{
		Use:   "embed RUN",
		Short: "Write the embeddings of images to a file",
		Long: `Write the embeddings of images as a NumPy array [N, D] of float32, in the order
of the data set and not normalised unless --normalize is given. The images' ids
are beside it, one a line, in FILE with .ids.txt for .npy, and the names of their
classes in FILE with .labels.txt. With --views K the array is [N, 1+K, D]: each image
as evaluation sees it, then K augmented views, for 'alike train --from-features'.`,
		Example: "  alike embed runs/simclr-resnet8 --data photos/ --out photos.npy\n  alike embed runs/simclr-resnet8 --data builtin:sprites --split test --out test.npy --normalize\n  alike embed runs/simclr-resnet8 --data photos/ --views 8 --out photos.npy",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	split := c.Flags().String("split", "", "split to embed (default: the only one, or test)")
	out := c.Flags().String("out", "", "file to write, ending in .npy")
	normalize := c.Flags().Bool("normalize", false, "scale each embedding to length 1")
	views := c.Flags().Int("views", 0, "augmented views of each image that are embedded beside it, as the run makes its views")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: the file to write, ending in .npy")
		}
		if *views < 0 {
			return misuse("--views %d: must be at least 0", *views)
		}
		if filepath.Ext(*out) != ".npy" {
			return misuse("--out %q: want a file that ends in .npy", *out)
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
		d, err := chosenSplit(source, *split)
		if err != nil {
			return err
		}
		f := eval.NewFeatures(d, model.Dim())
		bar := a.progress("embedding "+d.Name(), d.Len())
		values, err := model.EmbedViews(c.Context(), d, *views, func(done int) { bar.at(done, fmt.Sprintf("of %d", d.Len())) })
		bar.done()
		if err != nil {
			return err
		}
		if *normalize {
			normalizeRows(values, f.D)
		}
		ids, err := writeFeatures(*out, f, *views, values)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"file": *out, "ids": ids, "images": f.N, "dim": f.D, "views": *views, "layer": model.Layer(), "normalized": *normalize, "subject": model.Subject()})
		}
		fmt.Fprintf(a.stdout, "%d embeddings of %d values of %s in %s, their ids in %s\n", f.N, f.D, d.Name(), *out, ids)
		return nil
	}
	return c
}

// chosenSplit is the split of that name, or the one that is evaluated.
func chosenSplit(s *dataset.Source, split string) (hashed, error) {
	d, name, err := s.Evaluation()
	if split != "" {
		name = split
		d, err = s.Split(split)
	}
	if err != nil {
		return hashed{}, err
	}
	return hash(s, d, name)
}

// normalizeRows scales each row of d values to length 1; a row of zeros stays.
func normalizeRows(values []float32, d int) {
	for row := range slices.Chunk(values, d) {
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if sum == 0 {
			continue
		}
		for k, v := range row {
			row[k] = float32(float64(v) / math.Sqrt(sum))
		}
	}
}

// writeFeatures writes the array [N, D], or [N, 1+views, D], and beside it the ids and, where
// there are any, the names of the classes, one a line. It returns the file of the ids.
func writeFeatures(path string, f *eval.Features, views int, values []float32) (ids string, err error) {
	beside := func(suffix string, lines []string) atomicfile.File {
		return atomicfile.File{Path: strings.TrimSuffix(path, ".npy") + suffix, Write: func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
			return err
		}}
	}
	dims := []int{f.N, f.D}
	if views > 0 {
		dims = []int{f.N, 1 + views, f.D}
	}
	files := []atomicfile.File{
		{Path: path, Write: func(w io.Writer) error { return npy.Write(w, dims, values) }},
		beside(".ids.txt", f.IDs),
	}
	if f.Labels != nil {
		names := make([]string, f.N)
		for i, l := range f.Labels {
			if l >= 0 {
				names[i] = f.Classes[l]
			}
		}
		files = append(files, beside(".labels.txt", names))
	}
	return files[1].Path, atomicfile.WriteAll(files...)
}
