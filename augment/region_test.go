package augment

import (
	"testing"

	"alike/internal/rng"
)

// TestRegionIsAllThatAViewNeeds spoils the pixels outside the region.
func TestRegionIsAllThatAViewNeeds(t *testing.T) {
	p, err := New(SimCLR(64), 16)
	if err != nil {
		t.Fatal(err)
	}
	const w, h = 50, 41
	var buf Scratch
	want, got, partial := make([]float32, 3*16*16), make([]float32, 3*16*16), 0
	for i := range uint64(50) {
		img := noise(i, w, h)
		p.View(want, img, rng.New(rng.View, i), &buf)
		region := p.Region(w, h, rng.New(rng.View, i))
		for y := range h {
			for x := range w {
				if !(region.Min.X <= x && x < region.Max.X && region.Min.Y <= y && y < region.Max.Y) {
					img.Pix[3*(y*w+x)] ^= 0xff
					partial++
				}
			}
		}
		p.View(got, img, rng.New(rng.View, i), &buf)
		for k := range got {
			if got[k] != want[k] {
				t.Fatalf("view %d: value %d is %g, want %g", i, k, got[k], want[k])
			}
		}
	}
	if partial == 0 {
		t.Error("every region is the whole image")
	}
}
