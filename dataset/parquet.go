package dataset

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go/format"
)

func init() {
	Formats.Add("parquet", Format{
		Summary: "Parquet with images in a column of structs {bytes, path}, as Hugging Face stores them: file or folder of them",
		Detect:  func(name string) bool { return meant(name, parquetFiles(name)) },
		Open:    openParquet,
	})
}

func isParquet(name string) bool { return strings.EqualFold(filepath.Ext(name), ".parquet") }

// parquetFiles lists the files of a SPEC, a file or a folder with folders in it.
func parquetFiles(name string) []string {
	if !isFolder(name) {
		return slices.DeleteFunc([]string{name}, func(n string) bool { return !isParquet(n) })
	}
	var files []string
	for _, pattern := range []string{"*", "*/*"} {
		files = append(files, slices.DeleteFunc(glob(name, pattern), func(n string) bool { return !isParquet(n) || isFolder(n) })...)
	}
	slices.Sort(files)
	return files
}

func openParquet(ctx context.Context, name string, o Options) (*Source, error) {
	name = filepath.Clean(name)
	files := parquetFiles(name)
	if len(files) == 0 {
		return nil, errors.New("no .parquet file in it")
	}
	var (
		entries []entry
		places  []place
		classes []string
		used    int64
	)
	ids := shortest(files)
	for i, file := range files {
		t, err := readParquet(ctx, file, &used, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ids[i], err)
		}
		if i > 0 && !slices.Equal(t.classes, classes) {
			return nil, fmt.Errorf("%s names other classes than %s: they are parts of different data sets; open them one by one", ids[i], ids[0])
		}
		classes = t.classes
		split := splitOfFile(strings.TrimPrefix(file, filepath.Dir(name)))
		for row, e := range t.entries {
			e.name = fmt.Sprintf("%s/%06d", printable(ids[i]), row)
			entries, places = append(entries, e), append(places, place{split, t.labels[row]})
		}
	}
	testFromVal(places)
	if classes == nil {
		classes = numbered(classesOf(places))
	}
	return assemble(ctx, filepath.Base(name), entries, places, classes, o)
}

// imageTable is what a Parquet file holds of images.
type imageTable struct {
	entries []entry
	labels  []string // the class of each
	classes []string // in label order, if the file names them
}

func readParquet(ctx context.Context, name string, used *int64, o Options) (*imageTable, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readImageTable(ctx, f, info.Size(), used, o)
}

// readImageTable reads the columns of images and labels; used counts the memory.
func readImageTable(ctx context.Context, r io.ReaderAt, size int64, used *int64, o Options) (*imageTable, error) {
	p, err := newParquet(r, size)
	if err != nil {
		return nil, err
	}
	names := p.classLabels()
	images, err := p.imageColumn()
	if err != nil {
		return nil, err
	}
	label, labelled, err := p.labelColumn(names)
	if err != nil {
		return nil, err
	}
	t := &imageTable{classes: names[label.name()]}
	for g := range p.meta.RowGroups {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		files, err := p.column(g, images, used, o)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			t.entries = append(t.entries, parquetEntry(file, o))
		}
		if !labelled {
			t.labels = append(t.labels, make([]string, len(files))...)
			continue
		}
		labels, err := p.column(g, label, used, o)
		if err == nil && len(labels) != len(files) {
			err = fmt.Errorf("it has %d labels for %d images: it is damaged; download it again", len(labels), len(files))
		}
		if err != nil {
			return nil, err
		}
		for i, l := range labels {
			class, err := l.class(t.classes)
			t.labels = append(t.labels, class)
			if err != nil {
				t.entries[len(t.entries)-len(labels)+i].fault = err
			}
		}
	}
	return t, nil
}

func parquetEntry(file value, o Options) entry {
	switch {
	case file.null:
		return entry{fault: errors.New("its row has no bytes, perhaps only a path; embed the images before the table is written")}
	case int64(len(file.bytes)) > o.MaxFileBytes:
		_, err := readLimited(nil, int64(len(file.bytes)), o.MaxFileBytes)
		return entry{fault: err}
	}
	return inMemory("", file.bytes)
}

// class is the class that a label stands for; numbers below 0 stand for none.
func (v value) class(names []string) (string, error) {
	switch {
	case v.null || !v.isText && v.number < 0:
		return "", nil
	case v.isText:
		return printable(string(v.bytes)), nil
	case names == nil:
		return strconv.FormatInt(v.number, 10), nil
	case v.number >= int64(len(names)):
		return "", fmt.Errorf("its label is %d, want one below %d", v.number, len(names))
	}
	return names[v.number], nil
}

// classLabels reads the class names of Hugging Face's features, by column.
func (p *parquetFile) classLabels() map[string][]string {
	var about struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	for _, kv := range p.meta.KeyValueMetadata {
		if kv.Key == "huggingface" && json.Unmarshal([]byte(kv.Value), &about) != nil {
			return nil // others read the file without it, too
		}
	}
	labels := map[string][]string{}
	for column, raw := range about.Info.Features {
		var feature struct {
			Type  string   `json:"_type"`
			Names []string `json:"names"`
		}
		if json.Unmarshal(raw, &feature) == nil && feature.Type == "ClassLabel" && len(feature.Names) > 0 {
			for i, n := range feature.Names {
				feature.Names[i] = printable(n)
			}
			labels[column] = feature.Names
		}
	}
	return labels
}

// imageColumn is the column of bytes in the first struct that has them; one
// called image comes before others.
func (p *parquetFile) imageColumn() (leaf, error) {
	var found []leaf
	for _, l := range p.leaves {
		if len(l.path) == 2 && l.path[1] == "bytes" && l.kind == format.ByteArray && !l.repeated {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		var have []string
		for _, l := range p.leaves {
			have = append(have, strings.Join(l.path, "."))
		}
		return leaf{}, fmt.Errorf("its columns are %.200q, want a struct with bytes, e.g. image.bytes; Hugging Face's Image feature makes one", have)
	}
	return slices.MinFunc(found, func(a, b leaf) int { return cmp.Compare(preference(a, "image", "img"), preference(b, "image", "img")) }), nil
}

// labelColumn is the column called label or fine_label, or else the first one
// that has class names. That there is none but of another type is an error.
func (p *parquetFile) labelColumn(names map[string][]string) (best leaf, ok bool, err error) {
	var other leaf
	rank := func(l leaf) int { return preference(l, "label", "fine_label", "labels", "class") }
	for _, l := range p.leaves {
		switch {
		case len(l.path) != 1 || l.repeated || rank(l) == noPreference && names[l.name()] == nil:
		case l.width == 0 && l.kind != format.ByteArray:
			other = l
		case !ok || rank(l) < rank(best):
			best, ok = l, true
		}
	}
	if !ok && other.path != nil {
		err = fmt.Errorf("its column %s is of type %v; want whole numbers or text in it, or another name for it", other.name(), other.kind)
	}
	return best, ok, err
}

const noPreference = 100

// preference is the place of the leaf's column among names.
func preference(l leaf, names ...string) int {
	if i := slices.Index(names, l.name()); i >= 0 {
		return i
	}
	return noPreference
}
