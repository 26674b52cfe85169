package index

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"alike/eval"
)

// Entry says what a vector of an index is of.
type Entry struct {
	ID    string `json:"id"`               // unique in its index
	Class string `json:"class,omitempty"`  // the name of its class, "" if it has none
	Path  string `json:"path,omitempty"`   // of its file, "" if it has none of its own
	Hash  string `json:"sha256,omitempty"` // of its content, as dataset.ContentHash has it
}

// Hit is an entry that was found.
type Hit struct {
	Index      int     `json:"index"` // its row
	ID         string  `json:"id"`    // "" if it has none
	Class      string  `json:"class,omitempty"`
	Path       string  `json:"path,omitempty"`
	Similarity float32 `json:"similarity"` // cosine, 1 for the same direction
}

// entriesOf are the entries of features.
func entriesOf(f *eval.Features) []Entry {
	entries := make([]Entry, f.N)
	for i := range entries {
		if f.IDs != nil {
			entries[i].ID = f.IDs[i]
		}
		if f.Labels == nil || f.Labels[i] < 0 {
			continue
		}
		if l := f.Labels[i]; l < len(f.Classes) {
			entries[i].Class = f.Classes[l]
		} else {
			entries[i].Class = strconv.Itoa(l)
		}
	}
	return entries
}

// Filter says which entries may be found. The zero value is all.
type Filter struct {
	Classes []string // of one of these classes; none is any
	// Path is a pattern for the ID, which is an image's path within its data: *, ? and
	// [a-z] as in a shell, within one name. What matches a folder matches all in it:
	// "2024/*" is all that is in a folder of 2024, at any depth. "" is any.
	Path string
}

// Validate checks the pattern.
func (f Filter) Validate() error {
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("pattern %q: %w; want names with *, ? or [a-z] between slashes", f.Path, err)
	}
	return nil
}

// all tells whether every entry passes.
func (f Filter) all() bool { return len(f.Classes) == 0 && f.Path == "" }

// passes tells whether an entry may be found.
func (f Filter) passes(e *Entry) bool {
	if len(f.Classes) > 0 && !slices.Contains(f.Classes, e.Class) {
		return false
	}
	if f.Path == "" {
		return true
	}
	within, ok := folders(e.ID, strings.Count(f.Path, "/")+1)
	if !ok {
		return false
	}
	match, err := path.Match(f.Path, within)
	return err == nil && match
}

// folders are the first n names of a path, if it has as many.
func folders(name string, n int) (string, bool) {
	for i := range len(name) {
		if name[i] == '/' {
			if n--; n == 0 {
				return name[:i], true
			}
		}
	}
	return name, n == 1
}

// without marks the entries that may not be found, beside those that are gone; nil
// for none. gone is not changed.
func (f Filter) without(entries []Entry, gone []bool) []bool {
	if f.all() {
		return gone
	}
	marks := make([]bool, len(entries))
	for i := range entries {
		marks[i] = gone != nil && gone[i] || !f.passes(&entries[i])
	}
	return marks
}
