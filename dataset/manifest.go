package dataset

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The columns of a manifest; each has the first of its names that is there.
//
//   - path: the image's file, relative to the manifest's folder;
//   - label: the class, a name or a number; empty for none;
//   - split: train, test, val, query, gallery or any other word;
//   - query, gallery: 1 or true puts the image into that split (too);
//   - box: the part of the upright image that is read, in pixels: x, y, width,
//     height, separated by spaces or commas, in JSON also a list.
var manifestColumns = map[string][]string{
	"path":    {"path", "file_name", "filename", "file", "image"},
	"label":   {"label", "class"},
	"split":   {"split"},
	"query":   {"query"},
	"gallery": {"gallery"},
	"box":     {"box", "bbox"},
}

// IsColumn says whether a manifest may call a column, "path" or "label" say, by a name in lower case.
func IsColumn(column, name string) bool { return slices.Contains(manifestColumns[column], name) }

// record is a line of a manifest: its cells by column, or what is wrong with it.
type record struct {
	line  int
	cells map[string]string
	fault error
}

// get is the cell of a column of manifestColumns.
func (r record) get(column string) string {
	for _, name := range manifestColumns[column] {
		if v := strings.TrimSpace(r.cells[name]); v != "" {
			return v
		}
	}
	return ""
}

// openManifest opens a text file of records.
func openManifest(ctx context.Context, name string, o Options, parse func(text []byte) ([]record, error)) (*Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	text, err := readLimited(f, 0, min(maxText, o.MaxBytes))
	if err != nil {
		return nil, err
	}
	records, err := parse(bytes.TrimPrefix(text, []byte("\ufeff"))) // Excel's mark
	if err != nil {
		return nil, err
	}
	entries, places := manifestEntries(filepath.Dir(name), records, o)
	testFromVal(places)
	return assemble(ctx, filepath.Base(name), entries, places, numbered(classesOf(places)), o)
}

// manifestEntries makes an entry of each record, or of each split that it is in.
func manifestEntries(folder string, records []record, o Options) (entries []entry, places []place) {
	splitColumn := slices.ContainsFunc(records, func(r record) bool { return r.get("split") != "" })
	for _, r := range records {
		e, splits, err := r.entry(folder, splitColumn, o)
		if err != nil {
			entries, places = append(entries, entry{name: fmt.Sprintf("line %d", r.line), fault: err}), append(places, place{})
			continue
		}
		for _, split := range splits {
			entries, places = append(entries, e), append(places, place{split, printable(r.get("label"))})
		}
	}
	return entries, places
}

// entry is the image of a record, and the splits that it is in.
func (r record) entry(folder string, splitColumn bool, o Options) (e entry, splits []string, err error) {
	if r.fault != nil {
		return e, nil, r.fault
	}
	file := r.get("path")
	if file == "" {
		return e, nil, fmt.Errorf("it names no image; want one in the column %s", strings.Join(manifestColumns["path"], " or "))
	}
	e.name = printable(filepath.ToSlash(filepath.Clean(file)))
	if !filepath.IsAbs(file) {
		file = filepath.Join(folder, filepath.FromSlash(file))
	}
	e.path, e.read = file, func() ([]byte, error) { return readFile(file, o.MaxFileBytes) }
	if box := r.get("box"); box != "" {
		if e.box, err = parseBox(box); err != nil {
			return e, nil, err
		}
		b := e.box
		e.path = "" // the file shows more
		e.name = fmt.Sprintf("%s#%d,%d,%d,%d", e.name, b.Min.X, b.Min.Y, b.Dx(), b.Dy())
	}
	if split := r.get("split"); split != "" {
		splits = append(splits, printable(cmp.Or(SplitNamed(split), split)))
	}
	for _, side := range []string{Query, Gallery} {
		switch yes, err := isYes(r.get(side)); {
		case err != nil:
			return e, nil, fmt.Errorf("its column %s is %w", side, err)
		case yes && !slices.Contains(splits, side):
			splits = append(splits, side)
		}
	}
	if len(splits) == 0 && splitColumn {
		return e, nil, errors.New("its column split is empty; want train, test, val, query, gallery or another word")
	}
	if len(splits) == 0 {
		splits = []string{All}
	}
	return e, splits, nil
}

func isYes(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "", "no":
		return false, nil
	case "yes":
		return true, nil
	}
	yes, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("%q, want 1 or 0, true or false, yes or no", s)
	}
	return yes, nil
}

// parseBox reads "x y width height"; fractions of pixels are rounded outwards.
func parseBox(s string) (image.Rectangle, error) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;[]", r) })
	var v [4]float64
	for i, f := range fields {
		n, err := strconv.ParseFloat(f, 64)
		if i >= len(v) || err != nil || !(n >= 0 && n <= 1e6) {
			return image.Rectangle{}, badBox(s)
		}
		v[i] = n
	}
	r := image.Rect(int(v[0]), int(v[1]), up(v[0]+v[2]), up(v[1]+v[3]))
	if len(fields) != len(v) || r.Empty() {
		return r, badBox(s)
	}
	return r, nil
}

func badBox(s string) error {
	return fmt.Errorf("its box is %q, want four numbers: x, y, width and height in pixels", s)
}

// up rounds up.
func up(x float64) int {
	n := int(x)
	if float64(n) < x {
		n++
	}
	return n
}
