package export

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestRowGroupsAreBounded writes rows without images, and few that are large.
func TestRowGroupsAreBounded(t *testing.T) {
	for _, tc := range []struct{ rows, size, want int }{
		{perGroup + 1, 0, 2},
		{5, groupSize / 2, 3},
	} {
		out := filepath.Join(t.TempDir(), "x")
		w, err := newTables(out)
		if err != nil {
			t.Fatal(err)
		}
		x := entry{name: "x.png", png: make([]byte, tc.size)}
		for range tc.rows {
			if err := w.add(x); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(out, "all.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		table, err := parquet.OpenFile(f, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		if got := len(table.RowGroups()); got != tc.want {
			t.Errorf("%d rows of %d bytes are in %d groups, want %d", tc.rows, tc.size, got, tc.want)
		}
	}
}
