package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrTaken is the error of a lock that someone else holds.
var ErrTaken = errors.New("its lock is held")

// Take opens an empty file, which it makes and which stays, for its lock, that is held until the file is closed or
// the process ends. Where the file system has no locks, everyone gets it.
func Take(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if errors.Is(err, fs.ErrPermission) { // another user's
		f, err = os.Open(name)
	}
	if err != nil {
		return nil, err
	}
	if err := Lock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}
