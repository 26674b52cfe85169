package simd

import (
	"testing"

	"github.com/gomlx/compute/support/backendtest"
)

func open(t testing.TB, config string) *Backend {
	t.Helper()
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b.(*Backend)
}

func TestCompliance(t *testing.T) { backendtest.RunAll(t, open(t, ""), nil) }
