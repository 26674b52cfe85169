package embed

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// witness is Python with the modules, by the path in ALIKE_TEST_PYTHON or the system's.
func witness(t *testing.T, modules string) string {
	t.Helper()
	python := os.Getenv("ALIKE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import "+modules).Run(); err != nil {
		t.Skipf("%s has no %s: %v", python, modules, err)
	}
	return python
}

// TestOthersReadTheArrays lets NumPy and Arrow read what was written.
func TestOthersReadTheArrays(t *testing.T) {
	for ext, w := range map[string]struct{ modules, script string }{
		".npy": {"numpy", `
import sys, json, numpy as np
x = np.load(sys.argv[1])
assert x.shape == (5, 6) and x.dtype == np.float32, x
about = json.load(open(sys.argv[1][:-4] + ".json"))
ids = open(sys.argv[1][:-4] + ".ids.txt").read().split()`},
		".parquet": {"numpy, pyarrow.parquet", `
import sys, json, numpy as np, pyarrow.parquet as pq
t = pq.read_table(sys.argv[1])
assert t.column_names == ["id", "path", "vector", "label", "hash"], t.schema
x = np.stack(t["vector"].to_numpy())
assert x.shape == (5, 6) and x.dtype == np.float32, x
assert t["label"].to_pylist() == ["cat", "dog", "cat", "dog", "cat"]
about = {"about": json.loads(t.schema.metadata[b"alike"])}
ids = t["id"].to_pylist()`},
	} {
		t.Run(ext, func(t *testing.T) {
			python := witness(t, w.modules)
			out := filepath.Join(t.TempDir(), "x"+ext)
			run(t, &fake{}, images(5), out)
			check := `
assert about["about"]["layer"] == "h" and about["about"]["model"]["weights_sha256"] == "w"
assert ids == ["00000", "00001", "00002", "00003", "00004"], ids
assert (x[:, 0] == np.arange(5) + 0.25).all(), x`
			if text, err := exec.Command(python, "-c", w.script+check, out).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}
