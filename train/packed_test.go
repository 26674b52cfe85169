package train

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"alike/dataset"
	"alike/dataset/export"
	"alike/internal/registry"
	"alike/internal/rng"
	"alike/internal/testdata"
)

// cifarFiles is a folder in CIFAR-10's format with n images of noise.
func cifarFiles(t *testing.T, n int) string {
	t.Helper()
	s, b := rng.New(rng.View, 1), make([]byte, n*3073)
	for i := range b {
		b[i] = uint8(s.Uint32())
		if i%3073 == 0 {
			b[i] %= 10
		}
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "data_batch_1.bin"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// jpegFiles is a folder of n JPEGs of different sizes, one class a folder.
func jpegFiles(t *testing.T, n int) string {
	t.Helper()
	s, root := rng.New(rng.View, 2), t.TempDir()
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, 40+i%7, 50-i%5))
		for p := range m.Pix {
			m.Pix[p] = uint8(p>>4) + uint8(s.IntN(64))
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(root, fmt.Sprint(i%3), fmt.Sprintf("%02d.jpg", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestPackedDataGiveTheSameWeights trains on a source, on its packed file and on
// images that are decoded anew for each batch.
func TestPackedDataGiveTheSameWeights(t *testing.T) {
	b := engine(t, "simd")
	for name, spec := range map[string]string{"cifar": cifarFiles(t, 40), "jpeg": jpegFiles(t, 40)} {
		pack := filepath.Join(t.TempDir(), "x.pack")
		source, err := dataset.Open(t.Context(), spec, dataset.Options{Unchecked: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dataset.Pack(t.Context(), source, pack, dataset.Packing{}); err != nil {
			t.Fatal(err)
		}
		var weights []string
		for _, tc := range []struct {
			spec string
			o    dataset.Options
		}{{spec, dataset.Options{}}, {pack, dataset.Options{}}, {spec, dataset.Options{CacheBytes: 30_000}}} {
			s, err := dataset.Open(t.Context(), tc.spec, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			weights = append(weights, trainedOn(t, b, tc.spec, s))
		}
		if weights[0] == "" || weights[1] != weights[0] || weights[2] != weights[0] {
			t.Errorf("%s: weights of the source, the packed file and decoded anew: %.12q", name, weights)
		}
	}
}

// trainedOn is the hash of the weights after a few steps on a source.
func trainedOn(t *testing.T, b compute.Backend, spec string, s *dataset.Source) string {
	t.Helper()
	images, split, err := s.Training()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Default("simclr", 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Encoder, c.Batch = spec, split, registry.Choice{Name: "resnet8"}, 8
	c.Schedule.Epochs, c.Schedule.WarmupEpochs = 2, 0
	if err := c.Resolve(images.Len(), 0); err != nil {
		t.Fatal(err)
	}
	r, err := Create(filepath.Join(t.TempDir(), "run"), c)
	if err != nil {
		t.Fatal(err)
	}
	return trained(t, r, images, b, Options{Steps: 4}).WeightsSHA256
}

// TestEveryFormatGivesTheSameWeights trains on the same images in all formats that export
// writes.
func TestEveryFormatGivesTheSameWeights(t *testing.T) {
	for name, spec := range map[string]func() string{
		"cifar": func() string { return cifarFiles(t, 40) },
		"jpeg":  func() string { return jpegFiles(t, 40) },
	} {
		everyFormat(t, name, spec(), 1)
	}
}

func TestEveryFormatOfTheBirdsGivesTheSameWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1,500 images seven times")
	}
	everyFormat(t, "birds", testdata.Path(t, "cub-100-64.tar.gz"), 4)
}

// everyFormat trains on every so manyth image of a source in each format that it can be exported to.
func everyFormat(t *testing.T, name, spec string, every int) {
	t.Helper()
	b := engine(t, "simd")
	source, err := dataset.Open(t.Context(), spec, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for split, d := range source.Splits {
		var some []int
		for i := 0; i < d.Len(); i += every {
			some = append(some, i)
		}
		source.Splits[split] = dataset.Subset(d, d.Name(), some)
	}
	hashes := map[string]string{}
	for _, format := range export.Formats() {
		out := filepath.Join(t.TempDir(), "x")
		if format == "tar" || format == "zip" {
			out += "." + format
		}
		if err := export.Write(t.Context(), source, format, out, nil); err != nil {
			t.Fatal(err)
		}
		if format == "csv" || format == "jsonl" {
			out = filepath.Join(out, "images."+format)
		}
		exported, err := dataset.Open(t.Context(), out, dataset.Options{CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		hashes[trainedOn(t, b, out, exported)] += " " + format
	}
	if len(hashes) != 1 {
		t.Errorf("%s: weights differ between formats: %v", name, hashes)
	}
}
