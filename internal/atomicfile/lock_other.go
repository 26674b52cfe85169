//go:build !unix && !windows

package atomicfile

import "os"

// Lock does nothing where files have no advisory locks.
func Lock(*os.File) error { return nil }
