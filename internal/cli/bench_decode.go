package cli

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"alike/augment"
	"alike/dataset"
	"alike/train"
)

// started is when the process began, or nearly so.
var started = time.Now()

// The measurement of the peer's script: what is cut out of images of 500 x 400
// pixels, and the side that it is resized to.
var benchCrop = image.Rect(80, 40, 380, 340)

const benchSide = 224

func (a *app) benchDecode() *cobra.Command {
	c := &cobra.Command{
		Use:   "decode",
		Short: "Time reading images on one core: JPEGs, and the same packed",
		Long: `Time one core reading JPEGs of 500 x 400 pixels, or those of --data: decoding
them; decoding what a crop of 300 x 300 needs and resizing it to 224; and
cropping and resizing the same images from a packed file. The rates are images
per second of CPU time, so that other programs do not count.`,
		Example: "  alike bench decode\n  alike bench decode --data photos/ --json",
		Args:    exactly(),
	}
	spec := c.Flags().String("data", "", "SPEC of JPEGs larger than 380 x 340 (default: made-up ones)")
	n := c.Flags().Int("images", 100, "images to read")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *n < 1 {
			return misuse("--images %d: must be at least 1", *n)
		}
		dir, err := os.MkdirTemp("", "alike-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		from := *spec
		if from == "" {
			from = filepath.Join(dir, "jpegs")
			if err := makeJPEGs(from, *n); err != nil {
				return err
			}
		}
		rates, err := timeReading(c.Context(), from, filepath.Join(dir, "x.pack"), *n)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(rates)
		}
		fmt.Fprintf(a.stdout, "decode %.0f/s, decode + crop + resize %.0f/s, packed: crop + resize %.0f/s, on one core\n", rates.Decode, rates.Resize, rates.Packed)
		const fast = 1000 // images/s of a trainer
		fmt.Fprintf(a.stdout, "a run whose steps take %d images/s has %d workers for such JPEGs and %d for the packed file, half as much again as it needs, within the CPUs\n",
			fast, train.WorkersFor(fast, rates.Resize), train.WorkersFor(fast, rates.Packed))
		return nil
	}
	return c
}

// readingRates are images per second of CPU time.
type readingRates struct {
	Decode  float64 `json:"decode_per_s"`
	Resize  float64 `json:"decode_crop_resize_per_s"`
	Packed  float64 `json:"packed_crop_resize_per_s"`
	Images  int     `json:"images"`
	Threads int     `json:"threads"`
}

// makeJPEGs writes n mosaics of 16 noisy gradients, quality 90.
func makeJPEGs(dir string, n int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 3))
	m := image.NewRGBA(image.Rect(0, 0, 500, 400))
	for i := range n {
		for tile := range 16 {
			var base, slope [3]int
			for c := range 3 {
				base[c], slope[c] = r.IntN(256), r.IntN(5)-2
			}
			for y := range 100 {
				for x := range 125 {
					v := func(c int) uint8 { return uint8(min(max(base[c]+slope[c]*(x+y)/2+r.IntN(25), 0), 255)) }
					m.SetRGBA(tile%4*125+x, tile/4*100+y, color.RGBA{v(0), v(1), v(2), 255})
				}
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// timeReading reads at most n images of a source, in three ways, on one thread.
func timeReading(ctx context.Context, spec, pack string, n int) (readingRates, error) {
	source, err := dataset.Open(ctx, spec, dataset.Options{Unchecked: true})
	if err != nil {
		return readingRates{}, err
	}
	images, split, err := source.Training()
	if err != nil {
		return readingRates{}, err
	}
	n = min(n, images.Len())
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	some := &dataset.Source{Spec: spec, Splits: map[string]dataset.Dataset{split: dataset.Subset(images, images.Name(), index)}}
	if _, err := dataset.Pack(ctx, some, pack, dataset.Packing{}); err != nil {
		return readingRates{}, err
	}
	opened, err := dataset.Open(ctx, pack, dataset.Options{})
	if err != nil {
		return readingRates{}, err
	}
	packed := opened.Splits[split]
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var (
		buf     dataset.Buffer
		scratch augment.Scratch
		dst     = make([]float32, 3*benchSide*benchSide)
		whole   = func(w, h int) image.Rectangle { return image.Rect(0, 0, w, h) }
		part    = func(int, int) image.Rectangle { return benchCrop }
	)
	resize := func(img dataset.Image) error {
		if img.Width < benchCrop.Max.X || img.Height < benchCrop.Max.Y {
			return fmt.Errorf("an image has %d x %d pixels, want at least %d x %d for this measurement", img.Width, img.Height, benchCrop.Max.X, benchCrop.Max.Y)
		}
		augment.CropResize(dst, img, augment.Rect{X: benchCrop.Min.X, Y: benchCrop.Min.Y, W: benchCrop.Dx(), H: benchCrop.Dy()}, benchSide, &scratch)
		return nil
	}
	rates := readingRates{Images: n, Threads: 1}
	for _, m := range []struct {
		rate *float64
		read func(i int) error
	}{
		{&rates.Decode, func(i int) error { _, err := dataset.Part(images, i, whole, &buf); return err }},
		{&rates.Resize, func(i int) error {
			img, err := dataset.Part(images, i, part, &buf)
			if err != nil {
				return err
			}
			return resize(img)
		}},
		{&rates.Packed, func(i int) error {
			img, err := packed.Image(i)
			if err != nil {
				return err
			}
			return resize(img)
		}},
	} {
		if err := m.read(0); err != nil { // memory grows here
			return rates, err
		}
		start, done := cpuTime(), 0
		for done < n || cpuTime()-start < time.Second/2 {
			if ctx.Err() != nil {
				return rates, context.Cause(ctx)
			}
			if err := m.read(done % n); err != nil {
				return rates, err
			}
			done++
		}
		*m.rate = float64(done) / (cpuTime() - start).Seconds()
	}
	return rates, nil
}
