package augment

import (
	"strings"
	"testing"

	"alike/internal/rng"
)

func TestMultiCropMakesTheFirstViewsLarge(t *testing.T) {
	config, err := Parse("multicrop(0.5, 1, 0.05, 0.2, globals=2) flip")
	if err != nil {
		t.Fatal(err)
	}
	const w, h, views = 200, 100, 5
	pipelines, err := Views(config, 32, views)
	if err != nil {
		t.Fatal(err)
	}
	s := rng.New()
	for i := range 1000 {
		for v, p := range pipelines {
			s.Reset(rng.View, 1, 0, uint64(i), uint64(v))
			r := p.Region(w, h, s)
			share := float64(r.Dx()*r.Dy()) / (w * h)
			low, high := 0.5, 1.0
			if v >= 2 {
				low, high = 0.05, 0.2
			}
			if share < low-0.02 || share > high+0.02 { // sides are whole pixels
				t.Fatalf("view %d has %.3f of the area, want %g to %g", v, share, low, high)
			}
		}
	}
}

func TestViewsAreAlikeWithoutMultiCrop(t *testing.T) {
	pipelines, err := Views(SimCLR(32), 32, 3)
	if err != nil {
		t.Fatal(err)
	}
	one, err := New(SimCLR(32), 32)
	if err != nil {
		t.Fatal(err)
	}
	s := rng.New()
	for v, p := range pipelines {
		s.Reset(rng.View, 7)
		want := one.Region(64, 64, s)
		s.Reset(rng.View, 7)
		if got := p.Region(64, 64, s); got != want {
			t.Errorf("view %d is made of %v, want %v", v, got, want)
		}
	}
}

func TestMultiCropSaysWhichCropIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"multicrop(0.5, 0.1, 0.05, 0.2)": "global: area",
		"multicrop(0.5, 1, 0, 0.2)":      "local: area",
		"multicrop(globals=0)":           "globals 0",
		"multicrop(1, 2)":                "want four",
	} {
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", line, err, want)
		}
	}
}
