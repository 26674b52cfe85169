package backend

import (
	"strings"
	"testing"

	"alike/internal/kernel/cpu"
)

func TestOpen(t *testing.T) {
	for _, tc := range []struct{ name, variant, err string }{
		{"", "simd/", ""},
		{"simd:workers=1,level=generic", "simd/generic", ""},
		{"go", "go", ""},
		{"gpu", "", `unknown backend "gpu"; have go, simd, xla`},
		{"simd:threads=2", "", "unknown option; have workers, level, winograd and bf16"},
		{"simd:workers=0", "", "must be at least 1"},
		{"simd:level=sse", "", "sse"},
		{"simd:bf16=fp8", "", "unknown unit"},
	} {
		b, err := Open(tc.name)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q: error %v, want one with %q", tc.name, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tc.name, err)
			continue
		}
		if v := Variant(b); !strings.HasPrefix(v, tc.variant) {
			t.Errorf("%q: variant %q, want %q", tc.name, v, tc.variant)
		}
		b.Finalize()
	}
}

// TestHalfVariant finds that what multiplies bfloat16 is part of the name only
// where it matters, and can be chosen.
func TestHalfVariant(t *testing.T) {
	for _, unit := range cpu.BF16Units() {
		b, err := Open("simd:bf16=" + unit.String())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := HalfVariant(b), Variant(b)+"/bf16="+unit.String(); got != want || strings.Contains(Variant(b), "bf16") {
			t.Errorf("variant %q, want %q", got, want)
		}
		b.Finalize()
	}
	b, err := Open("simd:level=generic,bf16=float")
	if err != nil {
		t.Fatal(err)
	}
	if got := HalfVariant(b); got != "simd/generic/bf16=float" {
		t.Errorf("without vectors %q", got)
	}
	b.Finalize()
}
