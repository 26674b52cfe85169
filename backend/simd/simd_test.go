package simd

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
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

func TestCompliance(t *testing.T) {
	b := open(t, "")
	backendtest.RunAll(t, b, nil)
	t.Logf("not claimed, so not tested: %v", unclaimed)
}

// TestClaims keeps the list of what is not claimed honest: all else that the Go
// backend can do, and batch normalisation, which it cannot.
func TestClaims(t *testing.T) {
	b := open(t, "")
	can := b.Capabilities().Operations
	for op, ok := range b.portable.Capabilities().Operations {
		if want := ok && !slices.Contains(unclaimed, op); can[op] != want {
			t.Errorf("%s: claimed %v, want %v", op, can[op], want)
		}
	}
	for _, op := range []compute.OpType{compute.OpTypeBatchNormForTraining, compute.OpTypeBatchNormForInference, compute.OpTypeBatchNormGradient} {
		if !can[op] {
			t.Errorf("%s is not claimed", op)
		}
	}
	if b.Capabilities().Functions || b.Capabilities().HasDynamicShapes() {
		t.Error("closures or dynamic shapes are claimed")
	}
}
