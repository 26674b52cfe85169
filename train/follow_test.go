package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestAFollowerReadsWhatIsNew(t *testing.T) {
	r := &Run{Dir: t.TempDir()}
	f := r.Follow()
	if _, err := f.Metrics(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is a file: %v", err)
	}
	line := func(step, rest string) string { return `{"step":` + step + `,"loss":` + rest + "}\n" }
	for _, tc := range []struct{ name, file, want string }{
		{"an empty file", "", ""},
		{"a line", line("1", "5"), "1"},
		{"half a line is not counted", line("1", "5") + `{"step":2`, "1"},
		{"until it is whole", line("1", "5") + line("2", "4"), "1 2"},
		{"nothing new", line("1", "5") + line("2", "4"), "1 2"},
		{"some more", line("1", "5") + line("2", "4") + line("3", "3") + line("4", "2"), "1 2 3 4"},
		{"a run that went back is read anew", line("1", "5") + line("2", "4"), "1 2"},
		{"one that went back and on, too", line("1", "5") + line("9", "1") + line("10", "0.5"), "1 9 10"},
		{"and one of the same length", line("1", "5") + line("9", "1") + line("11", "0.5"), "1 9 11"},
	} {
		if err := os.WriteFile(r.metricsPath(), []byte(tc.file), 0o644); err != nil {
			t.Fatal(err)
		}
		metrics, err := f.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, m := range metrics {
			steps = append(steps, fmt.Sprint(m.Step))
		}
		got := strings.Join(steps, " ")
		if got != tc.want || f.Written().IsZero() {
			t.Errorf("%s: steps %q, want %q", tc.name, got, tc.want)
		}
	}
	if err := os.WriteFile(r.metricsPath(), []byte(line("1", "5")+"no JSON\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Metrics(); err == nil || !strings.Contains(err.Error(), "metrics.jsonl: line 2: ") {
		t.Errorf("of a damaged line: %v", err)
	}
}
