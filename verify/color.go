package verify

import "math"

func init() {
	operations["hue_shift"] = operation{twin: hueShift, host: hueShiftProduct, precision: single}
	operations["color_jitter_parts"] = operation{twin: colorJitter, host: colorJitterProduct, precision: single}
}

// hueShift adds delta, in turns, to the hue of each colour.
func hueShift(t *test) tree {
	delta := t.params.field("delta").float()
	before, after := [][]float64{}, [][]float64{}
	for _, rgb := range t.inputs.field("rgb").matrixOf(3) {
		hsv := toHSV(rgb)
		before = append(before, hsv)
		h := hsv[0] + delta
		after = append(after, fromHSV(h-math.Floor(h), hsv[1], hsv[2]))
	}
	return tree{"hsv_before": before, "rgb_after": after}
}

// toHSV returns hue in turns in [0, 1), saturation and value; a gray has hue 0.
func toHSV(rgb []float64) []float64 {
	r, g, b := rgb[0], rgb[1], rgb[2]
	top, low := max(r, g, b), min(r, g, b)
	span := top - low
	if span == 0 {
		return []float64{0, 0, top}
	}
	h := 0.0
	switch top {
	case r:
		h = (g - b) / span
	case g:
		h = (b-r)/span + 2
	default:
		h = (r-g)/span + 4
	}
	h /= 6
	return []float64{h - math.Floor(h), span / top, top}
}

// fromHSV is the inverse of toHSV: channel c is v less v s times how far the hue
// is from c's, in sixths of a turn, less 1 and cut to [0, 1].
func fromHSV(h, s, v float64) []float64 {
	channel := func(n float64) float64 {
		k := math.Mod(n+6*h, 6)
		return v - v*s*max(0, min(k, 4-k, 1))
	}
	return []float64{channel(5), channel(3), channel(1)}
}

// gray is the luma that TensorFlow uses.
func gray(rgb []float64) float64 { return 0.2989*rgb[0] + 0.587*rgb[1] + 0.114*rgb[2] }

func clip(x float64) float64 { return min(max(x, 0), 1) }

// colorJitter is each part of the colour jitter by itself, in both forms.
func colorJitter(t *test) tree {
	image := t.inputs.field("image").pixels()
	factor := func(name string) float64 { return t.params.field(name).float() }
	b, d := factor("brightness_factor"), factor("brightness_delta")
	c, s := factor("contrast_factor"), factor("saturation_factor")

	var sum [3]float64
	graySum, count := 0.0, 0.0
	for _, row := range image {
		for _, rgb := range row {
			for k, v := range rgb {
				sum[k] += v
			}
			graySum += gray(rgb)
			count++
		}
	}
	grays := [][]float64{}
	for _, row := range image {
		line := []float64{}
		for _, rgb := range row {
			line = append(line, gray(rgb))
		}
		grays = append(grays, line)
	}
	// each applies f to every value x of channel k of a pixel, and clips.
	each := func(f func(x float64, k int, rgb []float64) float64) [][][]float64 {
		out := make([][][]float64, len(image))
		for y, row := range image {
			for _, rgb := range row {
				pixel := make([]float64, 3)
				for k, x := range rgb {
					pixel[k] = clip(f(x, k, rgb))
				}
				out[y] = append(out[y], pixel)
			}
		}
		return out
	}
	return tree{
		"brightness_multiply": each(func(x float64, _ int, _ []float64) float64 { return b * x }),
		"brightness_add":      each(func(x float64, _ int, _ []float64) float64 { return x + d }),
		"contrast_per_channel_mean": each(func(x float64, k int, _ []float64) float64 {
			return (x-sum[k]/count)*c + sum[k]/count
		}),
		"contrast_gray_mean": each(func(x float64, _ int, _ []float64) float64 {
			return c*x + (1-c)*graySum/count
		}),
		"saturation_gray_blend": each(func(x float64, _ int, rgb []float64) float64 {
			return s*x + (1-s)*gray(rgb)
		}),
		"saturation_hsv_scale": each(func(_ float64, k int, rgb []float64) float64 {
			hsv := toHSV(rgb)
			return fromHSV(hsv[0], clip(hsv[1]*s), hsv[2])[k]
		}),
		"gray": grays,
	}
}
