package train

import (
	"path/filepath"
	"slices"
	"testing"

	"alike/dataset"
)

// Each number of images passes another program, and none changes an embedding.
func TestEmbeddingsDoNotDependOnTheBatch(t *testing.T) {
	r, data := smallRun(t, filepath.Join(t.TempDir(), "run"))
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Embed(t.Context(), data, "h", nil)
	if err != nil {
		t.Fatal(err)
	}
	dim := m.Dim("h")
	views := make([][]float32, data.Len())
	for i := range views {
		img, err := data.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		views[i] = m.View(img)
	}
	for _, n := range []int{1, 2, 4, 5, 16, 17, 64} {
		want := all[:n*dim]
		got, err := m.EmbedViews(t.Context(), views[:n], "h")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d views: other embeddings than among %d", n, data.Len())
		}
		first := make([]int, n)
		for i := range first {
			first[i] = i
		}
		if got, err = m.Embed(t.Context(), dataset.Subset(data, "some", first), "h", nil); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d images: other embeddings than among %d (%v)", n, data.Len(), err)
		}
	}
}
