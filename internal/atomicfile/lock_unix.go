//go:build unix

package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the file for this process, until it is closed or the process ends. The error is ErrTaken if
// another has it, and errors.ErrUnsupported where the file system has no locks.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrTaken
	case errors.Is(err, unix.ENOLCK): // a network's
		return errors.ErrUnsupported
	}
	return err
}
