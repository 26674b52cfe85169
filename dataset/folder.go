package dataset

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
)

func init() {
	Formats.Add("folder", Format{
		Summary: "folder of JPEG and PNG images, a folder per class, or without classes; train/ and test/ are splits",
		Detect:  func(path string) bool { return isFolder(path) && len(idxPairs(path)) == 0 },
		Open:    openFolder,
	})
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func openFolder(ctx context.Context, root string, o Options) (*Source, error) {
	title := filepath.Base(filepath.Clean(root))
	root, err := filepath.EvalSymlinks(root) // WalkDir would not enter a link
	if err != nil {
		return nil, err
	}
	var entries []entry
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if d.IsDir() {
			if path != root && d.Name()[0] == '.' {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		entries = append(entries, entry{filepath.ToSlash(rel), func() ([]byte, error) { return os.ReadFile(path) }})
		return err
	})
	if err != nil {
		return nil, err
	}
	return collect(ctx, title, entries, o)
}
