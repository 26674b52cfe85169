//go:build !unix

package embed

import "os"

// lock does nothing where files have no advisory locks.
func lock(*os.File) error { return nil }
