package train

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"alike/backend"
	"alike/backend/xla"
)

// TestXLATrainsTheSameNetwork compares the weights after 13 steps on XLA, the running statistics
// included, with those of the CPU engine: the same program with its sums in another order.
func TestXLATrainsTheSameNetwork(t *testing.T) {
	if !slices.Contains(backend.Usable(), xla.Name) {
		t.Skip("XLA cannot be used here: want a build with -tags xla and a plugin, see 'alike info --backends'")
	}
	const remote = xla.Name + ":,noshared_buffers" // as if the device had memory of its own
	weights := map[string]map[string]blob{}
	for _, name := range []string{"simd", remote} {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		s := trained(t, r, images, engine(t, name), Options{})
		store, _, err := loadCheckpoint(r.checkpointDir(s.Step), false)
		if err != nil {
			t.Fatal(err)
		}
		if weights[name], err = collect(store, ""); err != nil {
			t.Fatal(err)
		}
	}
	var worst float64
	for name, b := range weights["simd"] {
		want, got := fromBinary[float32](b.data), fromBinary[float32](weights[remote][name].data)
		var difference, size float64
		for i, w := range want {
			difference += math.Pow(float64(got[i]-w), 2)
			size += math.Pow(float64(w), 2)
		}
		relative := math.Sqrt(difference / size)
		worst = max(worst, relative)
		if !(relative < 1e-3) {
			t.Errorf("%s: relative difference %.2g", name, relative)
		}
	}
	t.Logf("largest relative difference of a parameter: %.2g", worst)
}
