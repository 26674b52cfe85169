//go:build unix

package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the file for this process, until it is closed or the process ends. Where the file system has no
// locks the error is errors.ErrUnsupported.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.ENOLCK) { // a network's
		return errors.ErrUnsupported
	}
	return err
}
