package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/dataset"
)

func (a *app) dataPack() *cobra.Command {
	c := &cobra.Command{
		Use:   "pack SPEC",
		Short: "Decode all images of a SPEC once, into one file",
		Long: `Decode all images of a SPEC once and write them to one file, which every
command takes as a SPEC. It is mapped into memory, so that nothing is decoded
again and only what is in use takes memory. Without --size training on it gives
the same weights as training on the SPEC; it takes three bytes a pixel.

A command that was stopped or killed goes on where it was when it is given
again. Images that cannot be read are named and left out.`,
		Example: `  alike data pack photos/ --out photos.pack --size 256
  alike train simclr --data photos.pack`,
		Args: exactly("a SPEC"),
	}
	var data dataFlags
	data.addTolerance(c)
	out := c.Flags().String("out", "", "file to write (needed)")
	size := c.Flags().Int("size", 0, "scale the shorter side of larger images down to this many pixels (default: keep all sizes)")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return misuse("--out is needed: the file to write, e.g. photos.pack")
		}
		if *size < 0 || *size > 1<<16 {
			return misuse("--size %d: must be 1 to %d pixels, or 0 to keep all sizes", *size, 1<<16)
		}
		data.spec, data.unchecked = args[0], true
		s, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		bar := a.progress("packing", s.Len())
		packed, err := dataset.Pack(c.Context(), s, *out, dataset.Packing{
			Side: *size, Scale: augment.Scale, Strict: data.strict, MaxBad: data.maxBad, Progress: func(done, total int) { bar.at(done, fmt.Sprintf("of %d images", total)) },
		})
		bar.done()
		if err != nil {
			return err
		}
		if packed.Resumed > 0 {
			a.say("went on after %d images that were packed already", packed.Resumed)
		}
		a.saySkipped(data.spec, packed.Skipped[len(s.Skipped):])
		if *asJSON {
			return a.printJSON(map[string]any{"file": *out, "images": packed.Images, "bytes": packed.Bytes, "resumed": packed.Resumed, "skipped": len(packed.Skipped)})
		}
		fmt.Fprintf(a.stdout, "%s: %d images, %d MiB\n", *out, packed.Images, packed.Bytes>>20)
		return nil
	}
	return c
}
