//go:build !xla

package xla

import (
	"errors"

	"github.com/gomlx/compute"
)

// Built says whether this program was built with XLA.
const Built = false

// ErrAbsent says how to build with XLA.
var ErrAbsent = errors.New("backend xla: this program was built without it: build with 'CGO_ENABLED=1 go build -tags xla ./cmd/alike', which wants a C compiler")

// Open returns ErrAbsent: it needs a build with the tag xla.
func Open(string) (compute.Backend, error) { return nil, ErrAbsent }

// Describe knows no engine without the tag xla.
func Describe(compute.Backend) (variant string, ok bool) { return "", false }
