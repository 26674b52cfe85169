package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"alike/internal/atomicfile"
)

// lockFile is an empty file of the directory, which stays. Whoever writes holds its lock, from reading
// what index.json says to removing what it names no longer. Readers need none.
const lockFile = ".lock"

// take takes the lock of a directory, which is held until the file is closed.
func take(dir string) (*os.File, error) {
	f, err := atomicfile.Take(filepath.Join(dir, lockFile))
	if errors.Is(err, atomicfile.ErrTaken) {
		return nil, fmt.Errorf("another process writes to the index %s; try again when it is done", dir)
	}
	return f, err
}

// current is what the directory of an opened index says of itself now: an error if other vectors have
// been written there since.
func (x *Index) current() (About, error) {
	a, err := ReadAbout(x.dir)
	if err == nil && a.Files != x.About.Files {
		err = fmt.Errorf("the index %s was written again meanwhile; start over with what it is now", x.dir)
	}
	return a, err
}

// same says whether two names are of one directory.
func same(dir, other string) bool {
	a, err := os.Stat(dir)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}
