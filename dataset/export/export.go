// Package export writes data sets in the formats that others read.
package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"os"
	"path"
	"slices"

	"alike/dataset"
)

// entry is an image on its way out.
type entry struct {
	split, class string // split is "" where the source has none
	name         string // "train/cat/000012.png"
	png          []byte
}

// writers write images in the formats that others read. They are given the folder or
// file to write and each image in turn; close is called after the last.
var writers = map[string]func(out string) (writer, error){
	"folder":     newFolder,
	"tar":        func(out string) (writer, error) { return newTar(out) },
	"zip":        newZip,
	"webdataset": newShards,
	"csv":        newCSV,
	"jsonl":      newJSONL,
	"parquet":    newTables,
}

type writer interface {
	add(entry) error
	close() error
}

// Formats are the names of the formats that Write writes.
func Formats() []string { return slices.Sorted(maps.Keys(writers)) }

// Write writes all images of a source as PNG, without loss, in a format of Formats. out, a
// file for tar and zip and a folder for the others, must not exist. The order is the same in all formats:
// splits by name, in a split the classes by name, in a class as in the source; so the same
// training on any of them gives the same weights. progress, if set, is told of each image.
func Write(ctx context.Context, s *dataset.Source, format, out string, progress func(done int)) (err error) {
	create, ok := writers[format]
	if !ok {
		return fmt.Errorf("unknown format %q; have %v", format, Formats())
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s exists; name a path that does not", out)
	}
	partial := out + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	e, err := create(partial)
	if err != nil {
		return err
	}
	done := 0
	for _, split := range slices.Sorted(maps.Keys(s.Splits)) {
		d := s.Splits[split]
		for _, i := range byClass(d) {
			if ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), e.close(), os.RemoveAll(partial))
			}
			x, err := entryOf(d, split, i)
			if err == nil {
				err = e.add(x)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("image %s: %w", d.ID(i), err), e.close(), os.RemoveAll(partial))
			}
			if done++; progress != nil {
				progress(done)
			}
		}
	}
	if err := e.close(); err != nil {
		return err
	}
	return os.Rename(partial, out)
}

// byClass are the indices of all images, by the names of their classes.
func byClass(d dataset.Dataset) []int {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(classOf(d, i), classOf(d, j)) })
	return order
}

// classOf is the name of an image's class, "" if it has none.
func classOf(d dataset.Dataset, i int) string {
	if l := d.Label(i); l >= 0 {
		return d.Classes()[l]
	}
	return ""
}

func entryOf(d dataset.Dataset, split string, i int) (entry, error) {
	img, err := d.Image(i)
	if err != nil {
		return entry{}, err
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img.RGBA()); err != nil {
		return entry{}, err
	}
	if split == dataset.All {
		split = ""
	}
	class := classOf(d, i)
	return entry{split, class, path.Join(split, class, fmt.Sprintf("%08d.png", i)), b.Bytes()}, nil
}
