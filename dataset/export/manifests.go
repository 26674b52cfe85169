package export

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"alike/dataset"
)

// manifest is a folder with a list of its files.
type manifest struct {
	folder
	list  io.Closer
	write func(x entry) error
	flush func() error
}

func newManifest(out, name string, begin func(w io.Writer) (write func(entry) error, flush func() error)) (writer, error) {
	root, err := newFolder(out)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(out, name))
	if err != nil {
		return nil, err
	}
	write, flush := begin(f)
	return &manifest{root.(folder), f, write, flush}, nil
}

func (m *manifest) add(x entry) error { return errors.Join(m.folder.add(x), m.write(x)) }

func (m *manifest) close() error { return errors.Join(m.flush(), m.list.Close()) }

func newCSV(out string) (writer, error) {
	return newManifest(out, "images.csv", func(w io.Writer) (func(entry) error, func() error) {
		c := csv.NewWriter(w)
		c.Write([]string{"path", "label", "split"}) // Flush reports its error
		return func(x entry) error { return c.Write([]string{x.name, x.class, cmp.Or(x.split, dataset.All)}) },
			func() error { c.Flush(); return c.Error() }
	})
}

func newJSONL(out string) (writer, error) {
	return newManifest(out, "images.jsonl", func(w io.Writer) (func(entry) error, func() error) {
		e := json.NewEncoder(w)
		return func(x entry) error {
			return e.Encode(struct {
				Path  string `json:"path"`
				Label string `json:"label,omitempty"`
				Split string `json:"split"`
			}{x.name, x.class, cmp.Or(x.split, dataset.All)})
		}, func() error { return nil }
	})
}
