package dataset

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	Formats.Add("csv", Format{
		Summary: "CSV or TSV manifest with a header: path, and optionally label, split, query, gallery, box",
		Detect:  func(name string) bool { return isCSV(name) && !isFolder(name) },
		Open: func(ctx context.Context, name string, o Options) (*Source, error) {
			comma := ','
			if strings.EqualFold(filepath.Ext(name), ".tsv") {
				comma = '\t'
			}
			return openManifest(ctx, name, o, func(text []byte) ([]record, error) { return parseCSV(text, comma) })
		},
	})
}

func isCSV(name string) bool {
	return slices.Contains([]string{".csv", ".tsv"}, strings.ToLower(filepath.Ext(name)))
}

// parseCSV reads the records below the header.
func parseCSV(text []byte, comma rune) ([]record, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = comma
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("it has no header (%w); want a first line with the names of the columns, e.g. path,label", err)
	}
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
	}
	if !slices.ContainsFunc(header, func(name string) bool { return slices.Contains(manifestColumns["path"], name) }) {
		return nil, fmt.Errorf("its columns are %.200q, want one of them to be %s", header, strings.Join(manifestColumns["path"], " or "))
	}
	var records []record
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return records, nil
		}
		if pe := new(csv.ParseError); errors.As(err, &pe) {
			records = append(records, record{line: pe.StartLine, fault: fmt.Errorf("it is no line of this table: %w", pe.Err)})
			continue
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		rec := record{line: line, cells: map[string]string{}}
		for i, f := range fields {
			rec.cells[header[i]] = f
		}
		records = append(records, rec)
	}
}
