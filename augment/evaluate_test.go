package augment

import (
	"math"
	"slices"
	"testing"

	"alike/dataset"
)

func TestEvaluateLeavesAnImageOfTheSizeUnchanged(t *testing.T) {
	for _, size := range []int{1, 32, 64} {
		img, got := noise(1, size, size), make([]float32, 3*size*size)
		Evaluate(got, img, size)
		for i, v := range img.Pix {
			if got[i] != float32(v)/255 {
				t.Fatalf("size %d: byte %d became %g", size, v, got[i])
			}
		}
	}
}

func TestEvaluateResizesAndCutsOutTheMiddle(t *testing.T) {
	for _, tc := range []struct {
		name               string
		w, h, size         int
		resizedW, resizedH int
		left, top          int
	}{
		{"CIFAR recipe: the shorter side becomes the size", 64, 48, 32, 42, 32, 5, 0},
		{"CIFAR recipe: a small image grows", 8, 20, 32, 32, 80, 0, 24},
		{"one pixel becomes a plain view", 1, 1, 32, 32, 32, 0, 0},
		{"ImageNet recipe: the shorter side becomes size/0.875", 150, 100, 56, 96, 64, 20, 4},
		{"ImageNet recipe: a strip", 3, 90, 56, 64, 1920, 4, 932},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img, got := noise(2, tc.w, tc.h), make([]float32, 3*tc.size*tc.size)
			Evaluate(got, img, tc.size)
			f := Filter{Interpolation: "bilinear", Antialias: true}
			all := cut(img, Rect{0, 0, tc.w, tc.h}).resized(tc.resizedW, tc.resizedH, f)
			for i, v := range got {
				want := all[tc.top+i/3/tc.size][tc.left+i/3%tc.size][i%3]
				if !(math.Abs(float64(v)-want) <= 1e-6) {
					t.Fatalf("value %d is %g, want %g", i, v, want)
				}
			}
		})
	}
}

func TestBicubicViewsAreClipped(t *testing.T) {
	img := dataset.Image{Width: 12, Height: 12, Pix: make([]uint8, 3*12*12)}
	for i := range img.Pix {
		img.Pix[i] = uint8(255 * (i / 9 % 2)) // hard edges, which bicubic overshoots
	}
	for _, size := range []int{9, 31, 40} {
		s := Still{Size: size, Resize: size, Filter: Filter{Interpolation: "bicubic", Antialias: true}}
		got := make([]float32, 3*size*size)
		s.View(got, img)
		if least, most := slices.Min(got), slices.Max(got); least != 0 || most != 1 || math.Signbit(float64(least)) {
			t.Errorf("size %d: values are %g to %g, want 0 to 1", size, least, most)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	var img dataset.Image = noise(1, 500, 400)
	dst := make([]float32, 3*224*224)
	for b.Loop() {
		Evaluate(dst, img, 224)
	}
}
