//go:build !unix

package dataset

import (
	"errors"
	"os"
)

// mapFile fails: files are read where they cannot be mapped.
func mapFile(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }
