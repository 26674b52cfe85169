package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/numpy"
	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/eval"
	"alike/internal/atomicfile"
)

func (a *app) embed() *cobra.Command {
	c := &cobra.Command{
		Use:   "embed RUN",
		Short: "Write the embeddings of images to a file",
		Long: `Write the embeddings of images as a NumPy array [N, D] of float32, in the order
of the data set and not normalised unless --normalize is given. The images' ids
are beside it, one a line, in FILE with .ids.txt for .npy.`,
		Example: "  alike embed runs/simclr-resnet8 --data photos/ --out photos.npy\n  alike embed runs/simclr-resnet8 --data builtin:sprites --split test --out test.npy --normalize",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	data.add(c)
	which.add(c)
	split := c.Flags().String("split", "", "split to embed (default: the only one)")
	out := c.Flags().String("out", "", "file to write, ending in .npy")
	normalize := c.Flags().Bool("normalize", false, "scale each embedding to length 1")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if filepath.Ext(*out) != ".npy" {
			return misuse("--out %q: want a file that ends in .npy", *out)
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		source, err := a.open(c.Context(), data)
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
		fmt.Fprintf(a.stdout, "%d embeddings of %d values in %s, their ids in %s\n", f.N, f.D, *out, ids)
		return nil
	}
	return c
}

// chosenSplit is the split of that name, or the only one.
func chosenSplit(s *dataset.Source, split string) (hashed, error) {
	if split == "" {
		if len(s.Splits) > 1 {
			_, err := s.Split("")
			return hashed{}, misuse("--split is needed: %w", err)
		}
		for split = range s.Splits {
		}
	}
	d, err := s.Split(split)
	if err != nil {
		return hashed{}, err
	}
	return hash(s, d, split)
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
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name()) // fails once it is renamed
	err = numpy.ToNpyWriter(tensors.FromFlatDataAndDimensions(f.Data, f.N, f.D), tmp)
	if err == nil {
		err = tmp.Sync()
	}
	ids = strings.TrimSuffix(path, ".npy") + ".ids.txt"
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = atomicfile.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = atomicfile.Write(ids, []byte(strings.Join(f.IDs, "\n")+"\n"))
	}
	return ids, err
}
