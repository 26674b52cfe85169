package onnx

import (
	"errors"
	"fmt"
	"math"
)

// The operators of networks on images [N, C, H, W].

// window is how a square of pixels moves over an image.
type window struct{ kernel, stride, before, after, out [2]int }

// windowOf reads a node's attributes for an image of height and width.
func windowOf(n *Node, sides, kernel []int) (w window, err error) {
	stride, pads, dilation := n.ints("strides", 2, 1), n.ints("pads", 4, 0), n.ints("dilations", 2, 1)
	if len(sides) != 2 || len(kernel) != 2 {
		return w, errors.New("only images of two axes are known")
	}
	if n.string("auto_pad", "NOTSET") != "NOTSET" || n.int("ceil_mode", 0) != 0 || dilation[0] != 1 || dilation[1] != 1 {
		return w, errors.New("auto_pad, ceil_mode and dilations are not known")
	}
	for i := range 2 {
		w.kernel[i], w.stride[i], w.before[i], w.after[i] = kernel[i], stride[i], pads[i], pads[2+i]
		w.out[i] = (sides[i]+pads[i]+pads[2+i]-kernel[i])/stride[i] + 1
	}
	return w, nil
}

// each calls f for the places of output pixel y, x that lie within the image.
func (w window) each(y, x, height, width int, f func(y, x int)) {
	for ky := range w.kernel[0] {
		for kx := range w.kernel[1] {
			iy, ix := y*w.stride[0]+ky-w.before[0], x*w.stride[1]+kx-w.before[1]
			if iy >= 0 && iy < height && ix >= 0 && ix < width {
				f(iy, ix)
			}
		}
	}
}

// conv is y[n,o,i,j] = b[o] + Σ_{c,k,l} w[o,c,k,l] x[n, c, i s + k - p, j s + l - p].
func conv(n *Node, in []*Array) (*Array, error) {
	x, w := in[0], in[1]
	if n.int("group", 1) != 1 || x.Type != w.Type || x.Dims[1] != w.Dims[1] {
		return nil, fmt.Errorf("%s %v with a kernel of %s %v in %d groups", x.Type, x.Dims, w.Type, w.Dims, n.int("group", 1))
	}
	win, err := windowOf(n, x.Dims[2:], w.Dims[2:])
	if err != nil {
		return nil, err
	}
	batch, channels, height, width := x.Dims[0], x.Dims[1], x.Dims[2], x.Dims[3]
	outs, taps := w.Dims[0], win.kernel[0]*win.kernel[1]
	y := NewArray(x.Type, batch, outs, win.out[0], win.out[1])
	plane := win.out[0] * win.out[1]
	parallel(batch*outs, func(i int) {
		image, out := i/outs, i%outs
		sum := y.Data[i*plane:][:plane]
		if len(in) > 2 && in[2] != nil {
			for p := range sum {
				sum[p] = in[2].Data[out]
			}
		}
		const together = 4 // channels, which then share the loads and stores of the sum
		for c := 0; c < channels; {
			n := 1
			if channels-c >= together {
				n = together
			}
			pixels := x.Data[(image*channels+c)*height*width:][:n*height*width]
			weights := w.Data[(out*channels+c)*taps:][:n*taps]
			for k := range taps {
				win.addTap(sum, pixels, height, width, k/win.kernel[1], k%win.kernel[1], weights[k:], taps)
			}
			c += n
		}
	})
	return y, nil
}

// addTap adds to every output pixel what one tap of the kernel sees, times its weight: of one channel or of
// four, whose weights are taps apart.
func (w window) addTap(sum, pixels []float64, height, width, ky, kx int, weights []float64, taps int) {
	stride, plane := w.stride[1], height*width
	// The columns x of the output with 0 <= x stride + shift < width.
	shift := kx - w.before[1]
	first := max(0, (-shift+stride-1)/stride)
	end := min(w.out[1], (width-shift+stride-1)/stride)
	for y := range w.out[0] {
		iy := y*w.stride[0] + ky - w.before[0]
		if iy < 0 || iy >= height || first >= end {
			continue
		}
		row, at := sum[y*w.out[1]:][first:end], iy*width+first*stride+shift
		if len(pixels) == plane {
			for x := range row {
				row[x] += weights[0] * pixels[at+x*stride]
			}
			continue
		}
		w0, w1, w2, w3 := weights[0], weights[taps], weights[2*taps], weights[3*taps]
		n := (len(row)-1)*stride + 1
		p0, p1, p2, p3 := pixels[at:][:n], pixels[at+plane:][:n], pixels[at+2*plane:][:n], pixels[at+3*plane:][:n]
		if stride == 1 {
			for x := range row {
				row[x] += w0*p0[x] + w1*p1[x] + w2*p2[x] + w3*p3[x]
			}
			continue
		}
		for x := range row {
			i := x * stride
			row[x] += w0*p0[i] + w1*p1[i] + w2*p2[i] + w3*p3[i]
		}
	}
}

// batchNormalization is γ (x - μ) / sqrt(v + ε) + β with the statistics that are given.
func batchNormalization(n *Node, in []*Array) (*Array, error) {
	if n.int("training_mode", 0) != 0 {
		return nil, errors.New("it is in training")
	}
	x, scale, shift, mean, variance := in[0], in[1], in[2], in[3], in[4]
	channels, epsilon := x.Dims[1], n.float("epsilon", 1e-5)
	for _, a := range in[1:] {
		if len(a.Data) != channels {
			return nil, fmt.Errorf("%d statistics for %d channels", len(a.Data), channels)
		}
	}
	y, plane := NewArray(x.Type, x.Dims...), strides(x.Dims)[1]
	for i, v := range x.Data {
		c := i / plane % channels
		y.Data[i] = scale.Data[c]*(v-mean.Data[c])/math.Sqrt(variance.Data[c]+epsilon) + shift.Data[c]
	}
	return y, nil
}

// pool makes one value of the pixels in each window.
func pool(n *Node, x *Array, join func(inside []float64, count int) float64) (*Array, error) {
	win, err := windowOf(n, x.Dims[2:], n.ints("kernel_shape", 2, 1))
	if err != nil {
		return nil, err
	}
	height, width := x.Dims[2], x.Dims[3]
	y := NewArray(x.Type, x.Dims[0], x.Dims[1], win.out[0], win.out[1])
	parallel(x.Dims[0]*x.Dims[1], func(i int) {
		pixels, inside := x.Data[i*height*width:][:height*width], []float64{}
		for p := range win.out[0] * win.out[1] {
			inside = inside[:0]
			win.each(p/win.out[1], p%win.out[1], height, width, func(y, x int) { inside = append(inside, pixels[y*width+x]) })
			y.Data[i*win.out[0]*win.out[1]+p] = join(inside, win.kernel[0]*win.kernel[1])
		}
	})
	return y, nil
}

func maxPool(n *Node, in []*Array) (*Array, error) {
	return pool(n, in[0], func(inside []float64, _ int) float64 {
		most := math.Inf(-1)
		for _, v := range inside {
			most = math.Max(most, v)
		}
		return most
	})
}

// averagePool divides by the pixels inside, or with count_include_pad by those of the window.
func averagePool(n *Node, in []*Array) (*Array, error) {
	all := n.int("count_include_pad", 0) != 0
	return pool(n, in[0], func(inside []float64, count int) float64 {
		sum := 0.0
		for _, v := range inside {
			sum += v
		}
		if !all {
			count = len(inside)
		}
		return sum / float64(count)
	})
}

func globalAveragePool(_ *Node, in []*Array) (*Array, error) {
	x := in[0]
	plane := x.Dims[2] * x.Dims[3]
	y := NewArray(x.Type, x.Dims[0], x.Dims[1], 1, 1)
	for i := range y.Data {
		for _, v := range x.Data[i*plane:][:plane] {
			y.Data[i] += v / float64(plane)
		}
	}
	return y, nil
}

// gemm is α A' B' + β C, where A' and B' may be transposed.
func gemm(n *Node, in []*Array) (*Array, error) {
	a, b := in[0], in[1]
	if n.int("transA", 0) != 0 {
		a = a.Transpose([]int{1, 0})
	}
	if n.int("transB", 0) == 0 {
		b = b.Transpose([]int{1, 0})
	}
	if a.Dims[1] != b.Dims[1] || a.Type != b.Type {
		return nil, fmt.Errorf("%s %v times %s %v, transposed", a.Type, a.Dims, b.Type, b.Dims)
	}
	rows, inner, columns := a.Dims[0], a.Dims[1], b.Dims[0]
	y := NewArray(a.Type, rows, columns)
	if len(in) > 2 && in[2] != nil {
		c, err := in[2].Broadcast(y.Dims)
		if err != nil {
			return nil, err
		}
		for i, v := range c.Data {
			y.Data[i] = n.float("beta", 1) * v
		}
	}
	alpha := n.float("alpha", 1)
	parallel(rows, func(i int) {
		x := a.Data[i*inner:][:inner]
		for j := range columns {
			sum := 0.0
			for k, w := range b.Data[j*inner:][:inner] {
				sum += w * x[k]
			}
			y.Data[i*columns+j] += alpha * sum
		}
	})
	return y, nil
}

// matMul multiplies matrices.
func matMul(_ *Node, in []*Array) (*Array, error) {
	if len(in[0].Dims) != 2 || len(in[1].Dims) != 2 {
		return nil, errors.New("only matrices are known")
	}
	return gemm(&Node{}, in)
}

// resize is bilinear, with half-pixel centres and antialias, to the heights and widths that its fourth input
// says: output pixel i of n out of m has its centre at c = (i+1/2) m/n and takes input pixel j with
// weight max(0, 1 - |j+1/2-c|/a), a = max(1, m/n), scaled to a sum of 1. Pixels beyond the border repeat the
// border's, or with exclude_outside count for nothing.
func resize(n *Node, in []*Array) (*Array, error) {
	if n.string("mode", "nearest") != "linear" || n.int("antialias", 0) == 0 || n.string("coordinate_transformation_mode", "half_pixel") != "half_pixel" ||
		len(in) < 4 || in[3] == nil {
		return nil, errors.New("only linear with antialias and half_pixel, to sizes, is known")
	}
	x := in[0]
	axes, inside := n.ints("axes", 0, 0), n.int("exclude_outside", 0) != 0
	for i, size := range in[3].ints() {
		axis := i
		if len(axes) > 0 {
			axis = axes[i]
		}
		if size != x.Dims[axis] {
			x = resizeAxis(x, axis, size, inside)
		}
	}
	if x == in[0] {
		return in[0].As(in[0].Type), nil
	}
	return x, nil
}

func resizeAxis(x *Array, axis, to int, inside bool) *Array {
	dims := append([]int{}, x.Dims...)
	from := dims[axis]
	dims[axis] = to
	y := NewArray(x.Type, dims...)
	step := float64(from) / float64(to)
	reach := max(1, step)
	inner := strides(dims)[axis]
	for i := range to {
		centre := (float64(i) + 0.5) * step
		weights, sum := make([]float64, from), 0.0
		for j := int(math.Floor(centre - reach - 0.5)); float64(j)+0.5 < centre+reach; j++ {
			if w := 1 - math.Abs(float64(j)+0.5-centre)/reach; w > 0 && !(inside && (j < 0 || j >= from)) {
				weights[min(max(j, 0), from-1)] += w
				sum += w
			}
		}
		for outer := range len(x.Data) / (from * inner) {
			out := y.Data[(outer*to+i)*inner:][:inner]
			for j, w := range weights {
				if w == 0 {
					continue
				}
				for p, v := range x.Data[(outer*from+j)*inner:][:inner] {
					out[p] += w / sum * v
				}
			}
		}
	}
	return y
}
