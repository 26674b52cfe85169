package verify

import "math"

func init() {
	operations["gaussian_kernel"] = operation{twin: gaussianKernel, host: gaussianKernelProduct, precision: double}
	operations["resize"] = operation{twin: resize, host: resizeProduct, precision: single}
}

// gaussianKernel has radius ⌊⌊height/10⌋/2⌋ and weights exp(-x²/2σ²) with sum 1.
func gaussianKernel(t *test) tree {
	radius := t.params.field("image_height").size() / 10 / 2
	sigma := t.params.field("sigma").positive()
	kernel, sum := []float64{}, 0.0
	for x := -radius; x <= radius; x++ {
		w := math.Exp(-float64(x*x) / (2 * sigma * sigma))
		kernel = append(kernel, w)
		sum += w
	}
	return tree{"radius": radius, "taps": len(kernel), "kernel": scale(1/sum, kernel)}
}

// resizeInputs are what resize is asked for.
type resizeInputs struct {
	image         [][]float64
	height, width int
	cubic         bool
	a             float64 // the cubic's coefficient
	antialias     bool
}

func (t *test) resizeInputs() resizeInputs {
	if half := t.params.field("half_pixel_centers"); !half.truth() {
		half.fail("true")
	}
	return resizeInputs{
		image:     t.inputs.field("image").matrix(),
		height:    t.params.field("height").size(),
		width:     t.params.field("width").size(),
		cubic:     t.params.field("kind").oneOf("bilinear", "bicubic") == "bicubic",
		a:         t.params.field("cubic_a").float(),
		antialias: t.params.field("antialias").truth(),
	}
}

// resize is separable: out = rows · image · columnsᵀ.
func resize(t *test) tree {
	in := t.resizeInputs()
	rows, columns := in.weights(len(in.image), in.height), in.weights(len(in.image[0]), in.width)
	out := zeros(in.height, in.width)
	for y := range out {
		across := make([]float64, len(in.image[0]))
		for i, w := range rows[y] {
			add(across, w, in.image[i])
		}
		for x := range out[y] {
			out[y][x] = dot(columns[x], across)
		}
	}
	return tree{"image": out}
}

// weights returns [to][from]: how much of each source pixel a target pixel takes.
// Target pixel i lies at (i+1/2) from/to - 1/2 in the source. With antialias the
// filter is as much wider as the image shrinks, and what falls outside of the
// image is left out; without, it is read from the border.
func (in resizeInputs) weights(from, to int) [][]float64 {
	ratio := float64(from) / float64(to)
	wide, radius := 1.0, 1.0
	if in.antialias {
		wide = max(1, ratio)
	}
	if in.cubic {
		radius = 2
	}
	weights := zeros(to, from)
	for i, row := range weights {
		centre := (float64(i)+0.5)*ratio - 0.5
		sum := 0.0
		for j := int(math.Floor(centre - radius*wide)); j <= int(math.Ceil(centre+radius*wide)); j++ {
			at := min(max(j, 0), from-1)
			if in.antialias && at != j {
				continue
			}
			w := in.filter((float64(j) - centre) / wide)
			row[at] += w
			sum += w
		}
		weights[i] = scale(1/sum, row)
	}
	return weights
}

// filter is the triangle, or Keys's cubic with coefficient a.
func (in resizeInputs) filter(x float64) float64 {
	x, a := math.Abs(x), in.a
	switch {
	case !in.cubic:
		return max(0, 1-x)
	case x < 1:
		return (a+2)*x*x*x - (a+3)*x*x + 1
	case x < 2:
		return a * (x*x*x - 5*x*x + 8*x - 4)
	}
	return 0
}
