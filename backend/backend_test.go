package backend

import (
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	for _, tc := range []struct{ name, variant, err string }{
		{"", "simd/", ""},
		{"simd:workers=1,level=generic", "simd/generic", ""},
		{"go", "go", ""},
		{"gpu", "", `unknown backend "gpu"; have go, simd, xla`},
		{"simd:threads=2", "", "unknown option; have workers, level and winograd"},
		{"simd:workers=0", "", "must be at least 1"},
		{"simd:level=sse", "", "sse"},
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
