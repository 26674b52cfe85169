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
			if strings.EqualFold(filepath.Ext(name), ".tsv") {
				return openManifest(ctx, name, o, parseTSV)
			}
			return openManifest(ctx, name, o, parseCSV)
		},
	})
}

func isCSV(name string) bool {
	return slices.Contains([]string{".csv", ".tsv"}, strings.ToLower(filepath.Ext(name)))
}

// parseCSV reads the records below the header. A record of several lines that is none
// is an error, not a bad record: a quote that is not closed swallows the lines up to
// the next, and nobody can say how many images they name.
func parseCSV(text []byte) ([]record, error) {
	r := csv.NewReader(bytes.NewReader(text))
	header, err := r.Read()
	if err != nil {
		return nil, noHeader(err)
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	var records []record
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return records, nil
		}
		if pe := new(csv.ParseError); errors.As(err, &pe) {
			if pe.Line > pe.StartLine || slices.ContainsFunc(fields, func(f string) bool { return strings.Contains(f, "\n") }) {
				return nil, fmt.Errorf("the record from line %d to %d is none (%w): close a quote that is left open there, or write it twice within quotes", pe.StartLine, pe.Line, pe.Err)
			}
			records = append(records, record{line: pe.StartLine, fault: noRecord(pe.Err)})
			continue
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		records = append(records, recordOf(line, header, fields))
	}
}

// parseTSV reads the records below the header. Quotes are part of a TSV's text, so
// that none can swallow the lines up to the next; only a field that is all in quotes,
// as R writes them, loses them.
func parseTSV(text []byte) ([]record, error) {
	var header []string
	var records []record
	line := 0
	for text := range bytes.Lines(text) {
		line++
		row := strings.TrimRight(string(text), "\r\n")
		if row == "" {
			continue
		}
		fields := strings.Split(row, "\t")
		for i, f := range fields {
			if len(f) >= 2 && f[0] == '"' && f[len(f)-1] == '"' {
				fields[i] = strings.ReplaceAll(f[1:len(f)-1], `""`, `"`)
			}
		}
		switch {
		case header == nil:
			if err := checkHeader(fields); err != nil {
				return nil, err
			}
			header = fields
		case len(fields) != len(header):
			records = append(records, record{line: line, fault: noRecord(csv.ErrFieldCount)})
		default:
			records = append(records, recordOf(line, header, fields))
		}
	}
	if header == nil {
		return nil, noHeader(io.EOF)
	}
	return records, nil
}

// checkHeader lowers the names of the columns, one of which is that of paths.
func checkHeader(header []string) error {
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
	}
	if !slices.ContainsFunc(header, func(name string) bool { return IsColumn("path", name) }) {
		return fmt.Errorf("its columns are %.200q, want one of them to be %s", header, strings.Join(manifestColumns["path"], " or "))
	}
	return nil
}

func noHeader(err error) error {
	return fmt.Errorf("it has no header (%w); want a first line with the names of the columns, e.g. path,label", err)
}

func noRecord(err error) error { return fmt.Errorf("it is no line of this table: %w", err) }

func recordOf(line int, header, fields []string) record {
	r := record{line: line, cells: map[string]string{}}
	for i, f := range fields {
		r.cells[header[i]] = f
	}
	return r
}
