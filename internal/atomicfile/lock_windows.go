package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Lock takes the file for this process, until it is closed or the process ends. The error is ErrTaken if
// another has it.
func Lock(f *os.File) error {
	// A byte far behind the end: other processes may still read the file.
	at := windows.Overlapped{Offset: 1<<32 - 2, OffsetHigh: 1<<31 - 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrTaken
	}
	return err
}
