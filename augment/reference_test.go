package augment

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// reference is one test of testdata/reference.json, whatever its operation.
type reference struct {
	ID, Op string
	Inputs struct {
		RGB   [][]float64
		Image json.RawMessage // [height][width], of color_jitter_parts [height][width][3]
	}
	Params struct {
		Delta            float64
		BrightnessFactor float64 `json:"brightness_factor"`
		BrightnessDelta  float64 `json:"brightness_delta"`
		ContrastFactor   float64 `json:"contrast_factor"`
		SaturationFactor float64 `json:"saturation_factor"`
		ImageHeight      int     `json:"image_height"`
		Sigma            float64
		Kind             string
		Antialias        bool
		Height, Width    int
		CubicA           float64 `json:"cubic_a"`
	}
	Expected map[string]json.RawMessage
}

// leaf flattens nested lists of numbers.
func leaf(t *testing.T, raw json.RawMessage) []float64 {
	t.Helper()
	var x float64
	if json.Unmarshal(raw, &x) == nil {
		return []float64{x}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	var out []float64
	for _, r := range list {
		out = append(out, leaf(t, r)...)
	}
	return out
}

// near compares with the tolerance that the reference values state for float32,
// a tenth of it.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-6+1e-5*math.Abs(want[i])) {
			t.Errorf("%s: value %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

func planesOf(rgb []float64) (p Planes) {
	for i, v := range rgb {
		p[i%3] = append(p[i%3], float32(v))
	}
	return p
}

func (p Planes) interleaved() (out []float64) {
	for i := range p[0] {
		out = append(out, float64(p[0][i]), float64(p[1][i]), float64(p[2][i]))
	}
	return out
}

func TestReferenceValues(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Tests []reference }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, tc := range file.Tests {
		t.Run(tc.ID, func(t *testing.T) {
			switch tc.Op {
			case "hue_shift":
				tc.hueShift(t)
			case "color_jitter_parts":
				tc.jitterParts(t)
			case "gaussian_kernel":
				near(t, "kernel", GaussianKernel(tc.Params.ImageHeight, tc.Params.Sigma), leaf(t, tc.Expected["kernel"]))
				near(t, "radius", []float64{float64(blurRadius(tc.Params.ImageHeight))}, leaf(t, tc.Expected["radius"]))
			case "resize":
				tc.resize(t)
			default:
				t.Fatalf("operation %s is not tested", tc.Op)
			}
		})
	}
}

func (tc *reference) hueShift(t *testing.T) {
	var p Planes
	for _, rgb := range tc.Inputs.RGB {
		for c, v := range rgb {
			p[c] = append(p[c], float32(v))
		}
	}
	HueShift(p, tc.Params.Delta)
	near(t, "rgb_after", p.interleaved(), leaf(t, tc.Expected["rgb_after"]))
}

func (tc *reference) jitterParts(t *testing.T) {
	ops := map[string]func(Planes){
		"brightness_multiply":       func(p Planes) { Brightness(p, tc.Params.BrightnessFactor) },
		"brightness_add":            func(p Planes) { BrightnessAdd(p, tc.Params.BrightnessDelta) },
		"contrast_per_channel_mean": func(p Planes) { ContrastPerChannel(p, tc.Params.ContrastFactor) },
		"contrast_gray_mean":        func(p Planes) { Contrast(p, tc.Params.ContrastFactor) },
		"saturation_gray_blend":     func(p Planes) { Saturation(p, tc.Params.SaturationFactor) },
		"saturation_hsv_scale":      func(p Planes) { SaturationHSV(p, tc.Params.SaturationFactor) },
		"gray":                      Grayscale,
	}
	for name, want := range tc.Expected {
		op := ops[name]
		if op == nil {
			t.Fatalf("%s is not tested", name)
		}
		p := planesOf(leaf(t, tc.Inputs.Image))
		op(p)
		got := p.interleaved()
		if name == "gray" {
			got = got[:0]
			for _, v := range p[0] {
				got = append(got, float64(v))
			}
		}
		near(t, name, got, leaf(t, want))
	}
}

func (tc *reference) resize(t *testing.T) {
	var rows []json.RawMessage
	if err := json.Unmarshal(tc.Inputs.Image, &rows); err != nil {
		t.Fatal(err)
	}
	var src []float32
	for _, v := range leaf(t, tc.Inputs.Image) {
		src = append(src, float32(v))
	}
	w, h := tc.Params.Width, tc.Params.Height
	dst := make([]float32, w*h)
	f := Filter{Interpolation: tc.Params.Kind, Antialias: tc.Params.Antialias}
	if err := Resize(dst, w, h, src, len(src)/len(rows), len(rows), f); err != nil {
		t.Fatal(err)
	}
	var got []float64
	for _, v := range dst {
		got = append(got, float64(v))
	}
	near(t, "image", got, leaf(t, tc.Expected["image"]))
}
