//go:build !unix

package mmap

import (
	"errors"
	"os"
)

// File fails: files are read where they cannot be mapped.
func File(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

// Free does nothing.
func Free([]byte) error { return nil }

// Scratch fails: there is no memory but the heap.
func Scratch(string, int) ([]float32, func() error, error) { return nil, nil, errors.ErrUnsupported }
