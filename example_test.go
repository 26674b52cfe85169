package alike_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"
	"os"
	"path/filepath"
	"testing"

	"alike"
	"alike/backend"
	"alike/dataset"
	"alike/export"
	"alike/internal/registry"
	"alike/train"
)

// run is an untrained run, for the examples: what they show does not depend on
// how good the embedding is.
var run string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "alike")
	if err != nil {
		log.Fatal(err)
	}
	run = filepath.Join(dir, "run")
	if err := makeRun(run); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func makeRun(dir string) error {
	ctx := context.Background()
	source, err := dataset.Open(ctx, "builtin:sprites?n=50", dataset.Options{})
	if err != nil {
		return err
	}
	images, split, err := source.Training()
	if err != nil {
		return err
	}
	c, err := train.Default("simclr", 32)
	if err != nil {
		return err
	}
	c.Data, c.Split, c.Encoder, c.Batch, c.Schedule.Epochs = source.Spec, split, registry.Choice{Name: "resnet8"}, 16, 0
	if err := c.Resolve(images.Len(), len(images.Classes())); err != nil {
		return err
	}
	r, err := train.Create(dir, c)
	if err != nil {
		return err
	}
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	defer b.Finalize()
	return r.Train(ctx, b, images, train.Options{})
}

func ExampleModel_Export() {
	model, err := alike.Open(run, alike.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	file := filepath.Join(filepath.Dir(run), "model.onnx")
	card, err := model.Export(file, export.Options{Uint8: true, Preprocess: true, Normalize: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("takes", card.Files[0].Input)
	fmt.Println("gives", card.Files[0].Dim, "values, of length 1:", card.Files[0].Normalized)
	// Output:
	// takes images [N, H, W, 3], uint8, RGB, of any height and width
	// gives 64 values, of length 1: true
}

func ExampleOpen() {
	model, err := alike.Open(run, alike.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	red := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for i := range 640 * 480 {
		red.Set(i%640, i/640, color.RGBA{R: 255, A: 255})
	}
	vectors, err := model.Embed(context.Background(), []image.Image{red})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(vectors), "embedding of", len(vectors[0]), "values")
	// Output: 1 embedding of 64 values
}

func ExampleModel_Index() {
	ctx := context.Background()
	model, err := alike.Open(run, alike.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	photos, err := dataset.Open(ctx, "builtin:sprites?n=100", dataset.Options{}) // or a folder
	if err != nil {
		log.Fatal(err)
	}
	gallery, err := photos.Split(dataset.Train)
	if err != nil {
		log.Fatal(err)
	}
	index, err := model.Index(ctx, gallery)
	if err != nil {
		log.Fatal(err)
	}
	query, err := gallery.Image(42) // any image.Image
	if err != nil {
		log.Fatal(err)
	}
	hits, err := index.Search(ctx, query.RGBA(), 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d hits of %d, the nearest is %s with cosine %.3f\n", len(hits), index.Len(), hits[0].ID, hits[0].Similarity)
	// Output: 3 hits of 100, the nearest is train/square/00042 with cosine 1.000
}

func TestOpenRefusesWhatIsNoRun(t *testing.T) {
	if _, err := alike.Open(t.TempDir(), alike.Options{}); err == nil {
		t.Error("an empty folder is accepted")
	}
	if _, err := alike.Open(run, alike.Options{Step: 7}); err == nil {
		t.Error("a step without a checkpoint is accepted")
	}
	if _, err := alike.Open(run, alike.Options{Layer: "x"}); err == nil {
		t.Error("layer x is accepted")
	}
	if _, err := alike.Open(run, alike.Options{Backend: "abacus"}); err == nil {
		t.Error("an unknown backend is accepted")
	}
}

func TestEmbedRefusesEmptyImages(t *testing.T) {
	m, err := alike.Open(run, alike.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, img := range []image.Image{nil, image.NewRGBA(image.Rectangle{})} {
		if _, err := m.Embed(t.Context(), []image.Image{img}); err == nil {
			t.Errorf("%v is accepted", img)
		}
	}
}
