package dataset

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	Formats.Add("jsonl", Format{
		Summary: "JSON Lines manifest, an object a line: path, and optionally label, split, query, gallery, box",
		Detect:  func(name string) bool { return isJSONL(name) && !isFolder(name) },
		Open: func(ctx context.Context, name string, o Options) (*Source, error) {
			return openManifest(ctx, name, o, parseJSONL)
		},
	})
}

func isJSONL(name string) bool {
	return slices.Contains([]string{".jsonl", ".ndjson"}, strings.ToLower(filepath.Ext(name)))
}

// parseJSONL reads a record from each line that is not empty.
func parseJSONL(text []byte) ([]record, error) {
	var records []record
	line := 0
	for text := range bytes.Lines(text) {
		if line++; len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		r := record{line: line, cells: map[string]string{}}
		var object map[string]any
		if r.fault = decodeJSON(text, &object); r.fault == nil {
			r.fault = r.fill(object)
		}
		records = append(records, r)
	}
	return records, nil
}

// fill takes the columns of a manifest from an object, and leaves its others.
func (r record) fill(object map[string]any) error {
	for _, column := range sortedKeys(manifestColumns) {
		for _, name := range manifestColumns[column] {
			if object[name] == nil {
				continue
			}
			v, err := cell(object[name])
			if err != nil {
				return fmt.Errorf("its %s is not read: %w", name, err)
			}
			r.cells[name] = v
			break
		}
	}
	return nil
}
