package augment

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestResizeAgreesWithItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sw, sh, dw, dh := side(t, "sw", 60), side(t, "sh", 60), side(t, "dw", 60), side(t, "dh", 60)
		f := Filter{rapid.SampledFrom([]string{"bilinear", "bicubic"}).Draw(t, "interpolation"), rapid.Bool().Draw(t, "antialias")}
		in := cut(noise(rapid.Uint64().Draw(t, "seed"), sw, sh), Rect{0, 0, sw, sh})
		src, got := make([]float32, sw*sh), make([]float32, dw*dh)
		for i := range src {
			src[i] = float32(in[i/sw][i%sw][0])
		}
		if err := Resize(got, dw, dh, src, sw, sh, f); err != nil {
			t.Fatal(err)
		}
		want := in.resized(dw, dh, f)
		for i, v := range got {
			if x := want[i/dw][i%dw][0]; !(math.Abs(float64(v)-x) <= 2e-6) {
				t.Fatalf("%+v: value %d is %g, want %g", f, i, v, x)
			}
		}
	})
}

func TestResizeToTheSameSizeChangesNothing(t *testing.T) {
	src := []float32{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
	for _, f := range []Filter{{"bilinear", false}, {"bilinear", true}, {"bicubic", false}, {"bicubic", true}} {
		got := make([]float32, len(src))
		if err := Resize(got, 3, 2, src, 3, 2, f); err != nil {
			t.Fatal(err)
		}
		for i := range src {
			if got[i] != src[i] {
				t.Errorf("%+v: %v", f, got)
				break
			}
		}
	}
}

func TestResizeRefusesWhatDoesNotFit(t *testing.T) {
	f := Filter{Interpolation: "bilinear"}
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"a plane of another size", "dst has 3 values, want 2 x 2", Resize(make([]float32, 3), 2, 2, make([]float32, 1), 1, 1, f)},
		{"an empty plane", "src has 0 values", Resize(make([]float32, 1), 1, 1, nil, 0, 0, f)},
		{"an unknown filter", `interpolation ""`, Resize(make([]float32, 1), 1, 1, make([]float32, 1), 1, 1, Filter{})},
	} {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, tc.err, tc.want)
		}
	}
}
