//go:build unix

package mmap

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Scratch returns values of 0 that lie in a file without a name in a directory, which the system
// keeps in memory as far as there is room, and what frees them. The space on the disk is
// taken at once: a full disk is an error here, and not a fault when a value is written.
func Scratch(dir string, values int) (scratch []float32, free func() error, err error) {
	f, err := os.CreateTemp(dir, ".scratch-*")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, nil, err
	}
	size := 4 * values
	if _, err := io.CopyN(f, zeros{}, int64(size)); err != nil {
		return nil, nil, err
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(mapped))), values), func() error { return unix.Munmap(mapped) }, nil
}

// zeros reads as 0 without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
