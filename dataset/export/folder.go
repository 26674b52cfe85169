package export

import (
	"os"
	"path/filepath"
)

// folder is a folder per split and class.
type folder struct{ root string }

func newFolder(out string) (writer, error) { return folder{out}, os.Mkdir(out, 0o755) }

func (f folder) add(x entry) error {
	name := filepath.Join(f.root, filepath.FromSlash(x.name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, x.png, 0o644)
}

func (folder) close() error { return nil }
