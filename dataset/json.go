package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// decodeJSON decodes one value and keeps numbers as they are written.
func decodeJSON(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("it is no JSON object (%w)", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it is more than one JSON object; want one a line")
	}
	return nil
}

// cell is a JSON value as a manifest has it: a list is its values with spaces.
func cell(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool, json.Number:
		return fmt.Sprint(v), nil
	case []any:
		var parts []string
		for _, part := range v {
			n, ok := part.(json.Number)
			if !ok {
				return "", fmt.Errorf("it holds the list %.40v, want numbers in it", v)
			}
			parts = append(parts, n.String())
		}
		return strings.Join(parts, " "), nil
	}
	return "", errors.New("it holds an object, want text or a number")
}
