//go:build unix

package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the file for this process, until it is closed or the process ends.
func Lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
