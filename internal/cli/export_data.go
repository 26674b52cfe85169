package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"alike/dataset/export"
)

func (a *app) dataExport() *cobra.Command {
	c := &cobra.Command{
		Use:   "export SPEC",
		Short: "Write the images of a SPEC in a format that others read",
		Long: `Write all images of a SPEC as PNG, without loss, in another format: ` + strings.Join(export.Formats(), ", ") + `.
The order is the same in all of them, by SPLIT/CLASS/NUMBER; training on any of them gives the
same weights (docs/data.md has the one exception). What a format cannot hold is refused.`,
		Example: `  alike data export cifar-10-binary.tar.gz --format folder --out cifar10/
  alike data export photos.pack --format webdataset --out shards/`,
		Args: exactly("a SPEC"),
	}
	var data dataFlags
	data.addClasses(c)
	data.addTolerance(c)
	format := c.Flags().String("format", "", "format to write: "+strings.Join(export.Formats(), ", "))
	out := c.Flags().String("out", "", "what to write: a file for tar and zip, a folder for the others (needed)")
	asJSON := jsonFlag(c)
	complete(c, "format", export.Formats())
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" || *format == "" {
			return misuse("--format and --out are needed, e.g. --format folder --out images/")
		}
		data.spec = args[0]
		s, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		images := s.Len()
		bar := a.progress("writing", images)
		err = export.Write(c.Context(), s, *format, *out, func(done int) { bar.at(done, fmt.Sprintf("of %d images", images)) })
		bar.done()
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"out": *out, "format": *format, "images": images})
		}
		fmt.Fprintf(a.stdout, "%s: %d images\n", *out, images)
		return nil
	}
	return c
}
