package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/parquet-go/parquet-go"

	"alike/index"
	"alike/internal/atomicfile"
)

// row is a row of a Parquet file. Each vector has as many values as the file's
// metadata say.
type row struct {
	ID     string    `parquet:"id,plain"`
	Path   string    `parquet:"path,plain"`
	Vector []float32 `parquet:"vector,list,plain"`
	Label  *string   `parquet:"label,optional,plain"`
	Hash   string    `parquet:"hash,plain"`
}

const (
	metadataKey = "alike"
	perGroup    = 4096 // rows that a reader holds at once
)

// writeParquet writes a table, whose metadata say under "alike", in JSON, what the vectors are.
func writeParquet(_ context.Context, work *work) error {
	about, err := json.Marshal(work.About)
	if err != nil {
		return err
	}
	return atomicfile.WriteAll(atomicfile.File{Path: work.Out, Write: func(w io.Writer) error {
		table := parquet.NewGenericWriter[row](w, parquet.KeyValueMetadata(metadataKey, string(about)), parquet.CreatedBy("alike", "", ""))
		n := 0
		err := work.rows(func(e index.Entry, v []float32) error {
			r := row{ID: e.ID, Path: e.Path, Vector: v, Hash: e.Hash}
			if e.Class != "" {
				r.Label = &e.Class
			}
			if _, err := table.Write([]row{r}); err != nil {
				return err
			}
			if n++; n%perGroup == 0 {
				return table.Flush()
			}
			return nil
		})
		return errors.Join(err, table.Close())
	}})
}

// readParquet reads a table that writeParquet wrote.
func readParquet(_ context.Context, j Job) (s *stored, err error) {
	path := j.Out
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer func() {
		if p := recover(); p != nil { // the library's answer to some damage
			s, err = nil, fmt.Errorf("%s is damaged: %v", path, p)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s is no Parquet file: %w", path, err)
	}
	text, ok := file.Lookup(metadataKey)
	var a index.About
	if !ok || json.Unmarshal([]byte(text), &a) != nil {
		return nil, fmt.Errorf("%s does not say what its vectors are", path)
	}
	table := parquet.NewGenericReader[row](file)
	defer table.Close()
	var entries []index.Entry
	var values []float32
	buffer := make([]row, 256)
	for {
		n, err := table.Read(buffer)
		for _, r := range buffer[:n] {
			if len(r.Vector) != a.Dim {
				return nil, fmt.Errorf("%s is damaged: the vector of %s has %d values, want %d", path, r.ID, len(r.Vector), a.Dim)
			}
			e := index.Entry{ID: r.ID, Path: r.Path, Hash: r.Hash}
			if r.Label != nil {
				e.Class = *r.Label
			}
			entries, values = append(entries, e), append(values, r.Vector...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", path, err)
		}
	}
	return &stored{a, 0, entries, func(i int) ([]float32, error) { return values[i*a.Dim:][:a.Dim], nil }, func() error { return nil }}, nil
}
