package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDataPack(t *testing.T) {
	spec, out := photos(t, "cat/bad.jpg"), filepath.Join(t.TempDir(), "x.pack")
	code, printed, errs := call(t, "data", "pack", spec, "--out", out)
	if code != exitDone || !strings.Contains(printed, ": 30 images, 0 MiB") || !strings.Contains(errs, "skipped cat/bad.jpg: the file is empty") {
		t.Fatalf("status %d, %s%s", code, printed, errs)
	}
	info := must(t, "data", "info", out, "--strict")
	if !strings.Contains(info, "packed: 30 images read in ") || !strings.Contains(info, "  16x16: 30 images\n  cat: 15 images\n") {
		t.Errorf("data info prints\n%s", info)
	}
	small := filepath.Join(t.TempDir(), "small")
	if printed := must(t, "data", "pack", spec, "--out", small, "--size", "8", "--json", "-q"); !strings.Contains(printed, `"images": 30`) {
		t.Errorf("--json prints %s", printed)
	}
	if info := must(t, "data", "info", small); !strings.Contains(info, "  8x8: 30 images\n") {
		t.Errorf("data info prints\n%s", info)
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", exitMisuse, "--out is needed"},
		{"--out x --size -1", exitMisuse, "--size -1: must be"},
		{"--out " + out, exitFailed, "is there already"},
		{"--strict --out " + filepath.Join(t.TempDir(), "y"), exitFailed, "cat/bad.jpg cannot be read: the file is empty"},
	} {
		code, _, errs := call(t, append([]string{"data", "pack", spec}, strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%q: status %d, want %d; %s, want %q", tc.args, code, tc.code, errs, tc.want)
		}
	}
}
