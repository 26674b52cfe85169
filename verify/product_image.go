package verify

import (
	"context"
	"math"
	"slices"

	"alike/augment"
)

// planes returns pixels as augment has them.
func planes(pixels [][]float64) (p augment.Planes) {
	for _, rgb := range pixels {
		for c, v := range rgb {
			p[c] = append(p[c], float32(v))
		}
	}
	return p
}

// pixelsOf is the inverse of planes.
func pixelsOf(p augment.Planes) (pixels [][]float64) {
	for i := range p[0] {
		pixels = append(pixels, []float64{float64(p[0][i]), float64(p[1][i]), float64(p[2][i])})
	}
	return pixels
}

func hueShiftProduct(_ context.Context, t *test) (tree, error) {
	p := planes(t.inputs.field("rgb").matrixOf(3))
	augment.HueShift(p, math.Mod(t.params.field("delta").float(), 1))
	return tree{"rgb_after": pixelsOf(p)}, nil
}

func colorJitterProduct(_ context.Context, t *test) (tree, error) {
	image := t.inputs.field("image").pixels()
	width := len(image[0])
	after := func(f func(p augment.Planes)) [][][]float64 {
		p := planes(slices.Concat(image...))
		f(p)
		return slices.Collect(slices.Chunk(pixelsOf(p), width))
	}
	by := func(name string, f func(augment.Planes, float64)) [][][]float64 {
		amount := t.params.field(name).float()
		return after(func(p augment.Planes) { f(p, amount) })
	}
	var grays [][]float64
	for _, row := range after(augment.Grayscale) {
		line := []float64{}
		for _, rgb := range row {
			line = append(line, rgb[0])
		}
		grays = append(grays, line)
	}
	return tree{
		"brightness_multiply":       by("brightness_factor", augment.Brightness),
		"brightness_add":            by("brightness_delta", augment.BrightnessAdd),
		"contrast_per_channel_mean": by("contrast_factor", augment.ContrastPerChannel),
		"contrast_gray_mean":        by("contrast_factor", augment.Contrast),
		"saturation_gray_blend":     by("saturation_factor", augment.Saturation),
		"saturation_hsv_scale":      by("saturation_factor", augment.SaturationHSV),
		"gray":                      grays,
	}, nil
}

func gaussianKernelProduct(_ context.Context, t *test) (tree, error) {
	kernel := augment.GaussianKernel(t.params.field("image_height").size(), t.params.field("sigma").positive())
	return tree{"kernel": kernel, "taps": len(kernel), "radius": len(kernel) / 2}, nil
}

// resizeProduct is augment.Resize, whose cubic has the coefficient -1/2.
func resizeProduct(_ context.Context, t *test) (tree, error) {
	in := t.resizeInputs()
	f := augment.Filter{Interpolation: "bilinear", Antialias: in.antialias}
	if in.cubic {
		f.Interpolation = "bicubic"
		if in.a != -0.5 {
			return nil, errNotInProduct
		}
	}
	dst := make([]float32, in.width*in.height)
	err := augment.Resize(dst, in.width, in.height, singles(slices.Concat(in.image...)), len(in.image[0]), len(in.image), f)
	if err != nil {
		return nil, err
	}
	out := zeros(in.height, in.width)
	for i, v := range dst {
		out[i/in.width][i%in.width] = float64(v)
	}
	return tree{"image": out}, nil
}
