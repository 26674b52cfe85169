package dataset

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	Formats.Add("folder", Format{
		Summary: "folder of images, a folder per class, or without classes; train/ and test/ are splits",
		Detect:  isFolder,
		General: true,
		Open:    openFolder,
	})
}

// errLoop is the fault of a link to a folder that is read anyway.
var errLoop = errors.New("the link leads to a folder that is read already; remove it or copy the folder")

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func openFolder(ctx context.Context, root string, o Options) (*Source, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, reason(err)
	}
	w := walker{ctx: ctx, o: o, root: real, followed: map[string]bool{}}
	if err := w.walk(real, ""); err != nil {
		return nil, err
	}
	return collect(ctx, filepath.Base(filepath.Clean(root)), w.entries, o)
}

// walker lists the files of a folder. A link to a folder is followed, once, if
// that folder is neither below the root nor above it; so no loop of links can hold it.
type walker struct {
	ctx      context.Context
	o        Options
	root     string          // without links
	followed map[string]bool // where links led
	entries  []entry
}

// walk lists the files of the real folder dir, which is known as name.
func (w *walker) walk(dir, name string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		rel, relErr := filepath.Rel(dir, path)
		if relErr != nil {
			return relErr
		}
		id := filepath.ToSlash(filepath.Join(name, rel))
		switch {
		case err != nil && path == w.root:
			return reason(err)
		case err != nil:
			w.entries = append(w.entries, entry{name: printable(id), fault: reason(err)})
			return nil
		case path != dir && d.Name()[0] == '.':
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0 && isFolder(path):
			return w.follow(path, id)
		case isImageName(path):
			w.entries = append(w.entries, entry{name: printable(id), path: path, read: func() ([]byte, error) { return readFile(path, w.o.MaxFileBytes) }})
		}
		return nil
	})
}

// follow walks the folder that a link leads to.
func (w *walker) follow(link, name string) error {
	real, err := filepath.EvalSymlinks(link)
	if err != nil || lies(real, w.root) || lies(w.root, real) || w.followed[real] {
		w.entries = append(w.entries, entry{name: printable(name), fault: errLoop})
		return nil
	}
	w.followed[real] = true
	return w.walk(real, name)
}

// lies says whether a folder is root or lies below it, both without links.
func lies(folder, root string) bool {
	const end = string(filepath.Separator)
	return strings.HasPrefix(folder+end, strings.TrimSuffix(root, end)+end)
}
