package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"alike"
	"alike/dataset"
	"alike/internal/atomicfile"
	"alike/internal/npy"
)

// embedViews writes the array [N, 1+views, D] of the images and of augmented views of them, the
// ids and the names of the classes, whole or not at all.
func (a *app) embedViews(ctx context.Context, model *alike.Model, d dataset.Dataset, views int, out string, normalize, asJSON bool) error {
	dims := []int{d.Len(), 1 + views, model.Dim()}
	values := make([]float32, 0, dims[0]*dims[1]*dims[2])
	bar := a.progress("embedding "+d.Name(), d.Len())
	err := model.EmbedViews(ctx, d, views, func(i, view int, h []float32, err error) error {
		values = append(values, h...)
		if done := i + 1; view == views && (done%256 == 0 || done == d.Len()) {
			bar.at(done, fmt.Sprintf("of %d", d.Len()))
		}
		return err
	})
	bar.done()
	if err != nil {
		return err
	}
	if normalize {
		normalizeRows(values, model.Dim())
	}
	lines := func(suffix string, of func(i int) string) atomicfile.File {
		return atomicfile.File{Path: strings.TrimSuffix(out, ".npy") + suffix, Write: func(w io.Writer) error {
			var text strings.Builder
			for i := range d.Len() {
				text.WriteString(of(i) + "\n")
			}
			_, err := io.WriteString(w, text.String())
			return err
		}}
	}
	class := func(i int) string {
		if l := d.Label(i); l >= 0 && l < len(d.Classes()) {
			return d.Classes()[l]
		}
		return ""
	}
	err = atomicfile.WriteAll(
		atomicfile.File{Path: out, Write: func(w io.Writer) error { return npy.Write(w, dims, values) }},
		lines(".ids.txt", d.ID), lines(".labels.txt", class),
	)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(map[string]any{"file": out, "images": d.Len(), "views": views, "dim": model.Dim(), "layer": model.Layer(), "normalized": normalize, "subject": model.Subject()})
	}
	fmt.Fprintf(a.stdout, "%d embeddings of %d values, %d of each image of %s, in %s\n", len(values)/model.Dim(), model.Dim(), 1+views, d.Name(), out)
	return nil
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
