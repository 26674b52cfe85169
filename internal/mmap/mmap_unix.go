//go:build unix

package mmap

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// File maps a file into memory, to be read. The mapping outlives f.
func File(f *os.File, size int64) ([]byte, error) {
	if size > math.MaxInt {
		return nil, errors.New("larger than the address space")
	}
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

// Free ends a mapping.
func Free(mapped []byte) error { return unix.Munmap(mapped) }
