package verify

import (
	"encoding/json"
	"testing"
)

// FuzzFile feeds files of any content: the answer is a result or an error.
func FuzzFile(f *testing.F) {
	var file struct{ Meta, Tests json.RawMessage }
	var tests []json.RawMessage
	if json.Unmarshal(builtin, &file) != nil || json.Unmarshal(file.Tests, &tests) != nil {
		f.Fatal("the built-in file cannot be read")
	}
	for _, test := range tests {
		raw, err := json.Marshal(map[string]any{"meta": file.Meta, "tests": []any{test}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = run(t.Context(), "fuzzed", raw, nil)
	})
}
