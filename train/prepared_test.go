package train

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// Each number of views passes another program.
func TestFewViewsAreEmbeddedAsMany(t *testing.T) {
	r, data := smallRun(t, filepath.Join(t.TempDir(), "run"))
	b := engine(t, "")
	trained(t, r, data, b, Options{Steps: 2})
	m, err := r.Model(b, -1)
	if err != nil {
		t.Fatal(err)
	}
	views := make([][]float32, data.Len())
	for i := range views {
		img, err := data.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		views[i] = m.Prepare(img)
	}
	for _, layer := range []string{"h", "z"} {
		all, err := m.Embed(t.Context(), data, layer, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 4, 5, 16, 17, 64} {
			got, err := m.EmbedPrepared(t.Context(), views[:n], layer)
			if err != nil || len(got) != n*m.Dim(layer) {
				t.Fatalf("%d views: %d values, %v", n, len(got), err)
			}
			for i, v := range got { // four units in the last place of the largest value
				if tol := 4 * 0x1p-24 * float64(slices.Max(all)); !(math.Abs(float64(v-all[i])) <= tol) {
					t.Errorf("%d views, layer %s: value %d is %g, among %d images %g ± %g", n, layer, i, v, data.Len(), all[i], tol)
				}
			}
		}
	}
	if _, err := m.EmbedPrepared(t.Context(), views[:1], "y"); err == nil {
		t.Error("layer y is accepted")
	}
}
