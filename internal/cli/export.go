package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/export"
)

func (a *app) export() *cobra.Command {
	c := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a trained network as a file that others run (ONNX) or load (safetensors)",
		Long: `Write a trained network as a file that others use, with a card beside it that says
what it is (MODEL.md, MODEL.json).

FILE.onnx runs in onnxruntime and others: opset 18, any number of images at once, [N, 3, H, W]
of float32 in [0, 1], or with --input uint8 bytes [N, H, W, 3]. --preprocess takes
images of any size, which are resized and cropped in it as evaluation does. --check compares it
with the run on images: by an interpreter of alike's own, and by onnxruntime where Python has it.

FILE.safetensors holds the weights under torchvision's names and in its layouts.`,
		Example: `  alike export runs/simclr-resnet8 --out model.onnx --check
  alike export runs/simclr-resnet8 --out search.onnx --input uint8 --preprocess --normalize --dtype fp16
  alike export runs/simclr-resnet8 --out model.safetensors`,
		Args: exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	which.addOfRun(c)
	out := c.Flags().String("out", "", "file to write, ending in .onnx or .safetensors (needed)")
	input := c.Flags().String("input", "float", "images that FILE.onnx takes: float, [N, 3, H, W] in [0, 1], or uint8, [N, H, W, 3]")
	dtype := c.Flags().String("dtype", "fp32", "type of the weights: fp32 or fp16")
	var o export.Options
	c.Flags().BoolVar(&o.Preprocess, "preprocess", false, "FILE.onnx takes images of any size and resizes and crops them itself")
	c.Flags().BoolVar(&o.Normalize, "normalize", false, "FILE.onnx scales each embedding to length 1")
	check := c.Flags().Bool("check", false, "compare FILE.onnx with the run on images of --data")
	images := c.Flags().Int("check-images", 64, "number of images to compare on, the first of the split")
	python := c.Flags().String("python", "python3", "Python whose onnxruntime checks too, where it has one")
	split := c.Flags().String("split", "", "split to check on (default: the only one, or test)")
	data.addOptional(c)
	asJSON := jsonFlag(c)
	complete(c, "input", []string{"float", "uint8"})
	complete(c, "dtype", []string{"fp32", "fp16"})
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case *out == "":
			return misuse("--out is needed: the file to write, ending in .onnx or .safetensors")
		case *input != "float" && *input != "uint8":
			return misuse("--input %q: must be float or uint8", *input)
		case *dtype != "fp32" && *dtype != "fp16":
			return misuse("--dtype %q: must be fp32 or fp16", *dtype)
		case *images < 1:
			return misuse("--check-images %d: must be at least 1", *images)
		}
		o.Uint8, o.Half = *input == "uint8", *dtype == "fp16"
		if err := o.Validate(*out); err != nil {
			return misuse("--out: %w", err)
		}
		if *check && strings.ToLower(filepath.Ext(*out)) != ".onnx" {
			return misuse("--check runs networks, FILE.onnx; %s holds weights", *out)
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		card, err := model.Export(*out, o)
		if err != nil {
			return err
		}
		info, err := os.Stat(*out)
		if err != nil {
			return err
		}
		result := map[string]any{"file": *out, "bytes": info.Size(), "card": card}
		if !*asJSON {
			f := card.Files[len(card.Files)-1]
			fmt.Fprintf(a.stdout, "%s: %s, layer %s of %d values, %s; what it is says %s\n", *out, humanize.IBytes(uint64(info.Size())), f.Layer, f.Dim, f.DType,
				filepath.Join(filepath.Dir(*out), export.CardMarkdown))
		}
		if *check {
			source, err := a.openFor(c.Context(), args[0], data)
			if err != nil {
				return err
			}
			d, err := chosenSplit(source, *split)
			if err != nil {
				return err
			}
			if result["check"], err = a.checkExport(c, model, *out, first(d, *images), o, *python, *asJSON); err != nil {
				return err
			}
		}
		if *asJSON {
			return a.printJSON(result)
		}
		return nil
	}
	return c
}

// first is the first n images of a data set, or all.
func first(d dataset.Dataset, n int) dataset.Dataset {
	var rows []int
	for i := range min(n, d.Len()) {
		rows = append(rows, i)
	}
	return dataset.Subset(d, d.Name(), rows)
}

// checkExport compares a file with the run and says how they agree.
func (a *app) checkExport(c *cobra.Command, m *alike.Model, path string, d dataset.Dataset, o export.Options, python string, quiet bool) ([]export.Agreement, error) {
	if !export.HasOnnxruntime(python) {
		a.say("%s has no onnxruntime: the file is checked by alike's own interpreter only (--python)", python)
		python = ""
	}
	bar := a.progress("checking", d.Len())
	all, err := m.CheckExport(c.Context(), path, d, o, python, func(done int) { bar.at(done, fmt.Sprintf("of %d images", d.Len())) })
	bar.done()
	for _, g := range all {
		if !quiet {
			fmt.Fprintf(a.stdout, "%s, %d images: max |difference| %.2g (%.2g of the embeddings' length), nearest neighbours agree for %.2f %%\n",
				g.Runtime, g.Images, g.MaxDifference, g.Relative, 100*g.Neighbours)
		}
	}
	return all, err
}
