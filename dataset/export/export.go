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
	"path/filepath"
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
// file for tar and zip and a folder for the others, must not exist. The order is the same in
// all formats: splits by name, in a split by SPLIT/CLASS/NUMBER.png, the number being the
// image's place in the source; so the same training on any of them gives the same weights,
// if their labels are the same: folder, tar and zip number the class 10 before 2.
// A source that the format would give back as another one is an error, before anything is
// written. progress, if set, is told of each image.
func Write(ctx context.Context, s *dataset.Source, format, out string, progress func(done int)) error {
	create, ok := writers[format]
	if !ok {
		return fmt.Errorf("unknown format %q; have %v", format, Formats())
	}
	if err := fits(s, format); err != nil {
		return fmt.Errorf("%s: %w", s.Spec, err)
	}
	out = filepath.Clean(out) // without a slash at its end
	partial := out + ".partial"
	for _, path := range []string{out, partial} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists; remove it, or name a path that does not", path)
		}
	}
	w, err := create(partial)
	if err == nil {
		err = errors.Join(writeAll(ctx, s, w, progress), w.close())
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return os.Rename(partial, out)
}

func writeAll(ctx context.Context, s *dataset.Source, w writer, progress func(done int)) error {
	done := 0
	for _, split := range slices.Sorted(maps.Keys(s.Splits)) {
		d := s.Splits[split]
		names, order := make([]string, d.Len()), make([]int, d.Len())
		for i := range order {
			names[i], order[i] = nameOf(d, split, i), i
		}
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(names[i], names[j]) })
		for _, i := range order {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			x, err := entryOf(d, split, i)
			if err == nil {
				err = w.add(x)
			}
			if err != nil {
				return fmt.Errorf("image %s: %w", d.ID(i), err)
			}
			if done++; progress != nil {
				progress(done)
			}
		}
	}
	return nil
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
	x := entry{class: classOf(d, i), name: nameOf(d, split, i), png: b.Bytes()}
	if split != dataset.All {
		x.split = split
	}
	return x, nil
}

// nameOf is the name that an image is written by: without its class, where that is no name of a folder. Folders,
// tars and zips, which hold no such class, are read in the order of these.
func nameOf(d dataset.Dataset, split string, i int) string {
	if split == dataset.All {
		split = ""
	}
	class := classOf(d, i)
	if !isPlain(class) {
		class = ""
	}
	return path.Join(split, class, fmt.Sprintf("%08d.png", i))
}
