package cli

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/eval"
	"alike/index"
	"alike/internal/atomicfile"
)

func (a *app) embed() *cobra.Command {
	c := &cobra.Command{
		Use:   "embed RUN",
		Short: "Write the embeddings of images to an index or a file",
		Long: `Write the embeddings of images, in the order of the data set.

A name without an extension that is known is an index, a directory that 'alike
search' reads (docs/search.md); its vectors have length 1. NAME.npy is a NumPy array
[N, D] of float32, not normalised unless --normalize is given; the images' ids are
beside it, one a line, in NAME.ids.txt.`,
		Example: "  alike embed runs/simclr-resnet8 --data photos/ --out photos.index\n  alike embed runs/simclr-resnet8 --data photos/ --out photos.npy\n  alike embed runs/simclr-resnet8 --data builtin:sprites --split test --out test.npy --normalize",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.addOptional(c)
	which.add(c)
	split := c.Flags().String("split", "", "split to embed (default: the only one, or test)")
	out := c.Flags().String("out", "", "what to write: an index, or a file that ends in .npy")
	normalize := c.Flags().Bool("normalize", false, "scale each embedding to length 1")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: the name of an index, or a file that ends in .npy")
		}
		if ext := filepath.Ext(*out); ext != "" && ext != ".npy" && ext != ".index" {
			return misuse("--out %q: want a file that ends in .npy, or an index: a name that ends in .index or has no extension", *out)
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
		f, err := a.features(c.Context(), model, d)
		if err != nil {
			return err
		}
		if filepath.Ext(*out) != ".npy" {
			return a.writeIndex(*out, model, d, f, *asJSON)
		}
		if *normalize {
			normalizeRows(f)
		}
		ids, err := writeFeatures(*out, f)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"file": *out, "ids": ids, "images": f.N, "dim": f.D, "layer": f.Layer, "normalized": *normalize, "subject": model.Subject()})
		}
		fmt.Fprintf(a.stdout, "%d embeddings of %d values of %s in %s, their ids in %s\n", f.N, f.D, d.Name(), *out, ids)
		return nil
	}
	return c
}

// writeIndex writes features as an index.
func (a *app) writeIndex(dir string, model *alike.Model, d hashed, f *eval.Features, asJSON bool) error {
	about := index.About{
		Dim: f.D, Layer: f.Layer, Size: model.Size(), Model: model.Subject(), CreatedBy: "alike " + thisBuild().Version,
		Data: index.Data{Spec: d.spec, Split: d.split, Classes: d.classes},
	}
	entries := make([]index.Entry, f.N)
	for i := range entries {
		hash, err := dataset.ContentHash(d.Dataset, i)
		if err != nil {
			return fmt.Errorf("%s: image %s: %w", d.Name(), d.ID(i), err)
		}
		entries[i] = index.Entry{ID: d.ID(i), Class: className(d, d.Label(i)), Path: dataset.Path(d.Dataset, i), Hash: hash}
	}
	if err := index.Write(dir, about, func(yield func(index.Entry, []float32) bool) {
		for i, e := range entries {
			if !yield(e, f.Row(i)) {
				return
			}
		}
	}); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(map[string]any{"index": dir, "images": f.N, "dim": f.D, "layer": f.Layer, "normalized": true, "subject": about.Model})
	}
	fmt.Fprintf(a.stdout, "%d embeddings of %d values of %s in the index %s\n", f.N, f.D, d.Name(), dir)
	return nil
}

// chosenSplit is the split of that name, or the one that is evaluated.
func chosenSplit(s *dataset.Source, split string) (hashed, error) {
	d, name, err := splitOf(s, split)
	if err != nil {
		return hashed{}, err
	}
	return hash(s, d, name)
}

// normalizeRows scales each row to length 1; a row of zeros stays.
func normalizeRows(f *eval.Features) {
	for i := range f.N {
		sum := 0.0
		for _, v := range f.Row(i) {
			sum += float64(v) * float64(v)
		}
		if sum == 0 {
			continue
		}
		for k, v := range f.Row(i) {
			f.Row(i)[k] = float32(float64(v) / math.Sqrt(sum))
		}
	}
}

// writeFeatures writes the array and, beside it, the ids, whose file it returns.
func writeFeatures(path string, f *eval.Features) (ids string, err error) {
	ids = strings.TrimSuffix(path, ".npy") + ".ids.txt"
	return ids, atomicfile.WriteAll(
		atomicfile.File{Path: path, Write: func(w io.Writer) error { return writeNPY(w, f) }},
		atomicfile.File{Path: ids, Write: func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(f.IDs, "\n")+"\n")
			return err
		}},
	)
}

// writeNPY writes the array in NumPy's format 1.0: magic, version, the header's
// length, the header, padded so that the values begin at a multiple of 64, and
// the values.
func writeNPY(w io.Writer, f *eval.Features) error {
	const before = 10 // bytes
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", f.N, f.D)
	size := (before+len(header)+1+63)/64*64 - before
	header += strings.Repeat(" ", size-len(header)-1) + "\n"
	if _, err := w.Write(append([]byte("\x93NUMPY\x01\x00"), byte(size), byte(size>>8))); err != nil {
		return err
	}
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, f.Data)
}
