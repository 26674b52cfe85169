package augment

import (
	"fmt"
	"testing"

	"alike/dataset"
	"alike/internal/rng"
)

// BenchmarkView is the peer's measurement: images of noise, the recipe for the size.
// Run it with -cpu 1; divide by what torchvision does on one core of the same machine.
func BenchmarkView(b *testing.B) {
	for _, tc := range []struct{ in, out int }{{32, 32}, {96, 96}, {224, 224}} {
		for _, blurred := range []bool{false, true} {
			b.Run(fmt.Sprintf("in=%d/out=%d/blur=%t", tc.in, tc.out, blurred), func(b *testing.B) {
				c := SimCLR(tc.out)
				of[*Blur](c).P = 0
				if blurred {
					of[*Blur](c).P = 0.5
				}
				p, err := New(c, tc.out)
				if err != nil {
					b.Fatal(err)
				}
				images := make([]dataset.Image, 64)
				for i := range images {
					images[i] = noise(uint64(i), tc.in, tc.in)
				}
				dst, s, buf, i := make([]float32, 3*tc.out*tc.out), rng.New(), &Scratch{}, 0
				b.ReportAllocs()
				for b.Loop() {
					s.Reset(rng.View, uint64(i))
					p.View(dst, images[i%len(images)], s, buf)
					i++
				}
				b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "views/s")
			})
		}
	}
}

// noise is an image of independent random bytes.
func noise(seed uint64, w, h int) dataset.Image {
	s := rng.New(rng.View, seed)
	img := dataset.Image{Width: w, Height: h, Pix: make([]uint8, 3*w*h)}
	for i := range img.Pix {
		img.Pix[i] = uint8(s.Uint32())
	}
	return img
}
