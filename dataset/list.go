package dataset

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	Formats.Add("list", Format{
		Summary: "paths of images, one a line (or separated by zero bytes), in that order: - for standard input, or list:FILE",
		Open:    openList,
	})
}

// maxText is the largest list or manifest that is read.
const maxText = 1 << 30

func openList(ctx context.Context, name string, o Options) (*Source, error) {
	r, title := o.Stdin, "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, reason(err)
		}
		defer f.Close()
		r, title = f, filepath.Base(name)
	}
	text, err := readLimited(r, 0, min(maxText, o.MaxBytes))
	if err != nil {
		return nil, err
	}
	entries, places, err := listEntries(text, o)
	if err != nil {
		return nil, err
	}
	return assemble(ctx, title, entries, places, classesOf(places), o)
}

// listEntries takes every path for an image. Folders say splits and classes as
// they do in a folder of images; those that all paths lie in say nothing, whatever
// they are called: the list may have been made in a folder "train".
func listEntries(text []byte, o Options) ([]entry, []place, error) {
	end := "\n"
	if bytes.IndexByte(text, 0) >= 0 { // find -print0
		end = "\x00"
	}
	var entries []entry
	var paths []string
	for path := range strings.SplitSeq(string(text), end) {
		if path = strings.TrimSuffix(path, "\r"); path == "" {
			continue
		}
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, err
		}
		paths = append(paths, full)
		id := printable(filepath.ToSlash(filepath.Clean(path)))
		entries = append(entries, entry{name: id, path: path, read: func() ([]byte, error) { return readFile(path, o.MaxFileBytes) }})
	}
	if len(paths) == 0 {
		return nil, nil, nil
	}
	names := shortest(paths)
	for i, n := range names {
		names[i] = printable(n)
	}
	return entries, layout(names), nil
}
