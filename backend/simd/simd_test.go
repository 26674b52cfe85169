package simd

import (
	"os"
	"slices"
	"strings"
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

// TestDocs holds docs/backend.md to what is claimed: its list of what is not.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/backend.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "## Not claimed")
	list, _, _ = strings.Cut(list, "What the Go backend does not claim either")
	b := open(t, "")
	can := b.Capabilities().Operations
	for op, offered := range b.portable.Capabilities().Operations {
		if listed := strings.Contains(list, "`"+op.String()+"`"); offered && listed == can[op] {
			t.Errorf("%s: claimed %v, listed as not claimed %v", op, can[op], listed)
		}
	}
}
