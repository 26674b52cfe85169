package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The operators of networks on images [N, C, H, W].

// Window is how a rectangle of pixels moves over an image, by axis: height, then width.
type Window struct {
	Kernel, Stride, Dilation, Before, After, Out [2]int

	pad [2]int // After without what ceil_mode adds
}

// WindowOf reads a node's attributes for an image of height and width. After is at least what the
// windows need, in ceil_mode more than the file says.
func WindowOf(n *Node, sides, kernel []int) (w Window, err error) {
	if len(sides) != 2 || len(kernel) != 2 {
		return w, errors.New("only images of two axes are known")
	}
	stride, pads, dilation := n.IntsOr("strides", 2, 1), n.IntsOr("pads", 4, 0), n.IntsOr("dilations", 2, 1)
	auto := n.StringOr("auto_pad", "NOTSET")
	for i := range 2 {
		span := dilation[i]*(kernel[i]-1) + 1 // from the first pixel of a window to its last
		if stride[i] < 1 || dilation[i] < 1 || kernel[i] < 1 || pads[i] < 0 || pads[2+i] < 0 || max(kernel[i], stride[i], dilation[i], pads[i], pads[2+i]) > 1<<12 {
			return w, fmt.Errorf("a window of %d pixels, %d apart, by steps of %d, between pads of %d and %d", kernel[i], dilation[i], stride[i], pads[i], pads[2+i])
		}
		before, after := pads[i], pads[2+i]
		switch auto {
		case "NOTSET":
		case "VALID":
			before, after = 0, 0
		case "SAME_UPPER", "SAME_LOWER":
			total := max(((sides[i]+stride[i]-1)/stride[i]-1)*stride[i]+span-sides[i], 0)
			before, after = total/2, total-total/2
			if auto == "SAME_LOWER" {
				before, after = after, before
			}
		default:
			return w, fmt.Errorf("auto_pad %s is not known", auto)
		}
		room := sides[i] + before + after - span
		if room < 0 {
			return w, fmt.Errorf("a window that spans %d pixels does not fit into %d with pads of %d and %d", span, sides[i], before, after)
		}
		out := room/stride[i] + 1
		if n.IntOr("ceil_mode", 0) != 0 && room%stride[i] > 0 && out*stride[i] < sides[i]+before {
			out++ // it begins inside
		}
		w.Kernel[i], w.Stride[i], w.Dilation[i], w.Before[i], w.Out[i] = kernel[i], stride[i], dilation[i], before, out
		w.pad[i], w.After[i] = after, max(after, (out-1)*stride[i]+span-sides[i]-before)
	}
	return w, nil
}

// each calls f for the places of output pixel y, x that lie within the image.
func (w Window) each(y, x, height, width int, f func(y, x int)) {
	for ky := range w.Kernel[0] {
		for kx := range w.Kernel[1] {
			iy, ix := y*w.Stride[0]+ky*w.Dilation[0]-w.Before[0], x*w.Stride[1]+kx*w.Dilation[1]-w.Before[1]
			if iy >= 0 && iy < height && ix >= 0 && ix < width {
				f(iy, ix)
			}
		}
	}
}

// conv is y[n,o,i,j] = b[o] + Σ_{c,k,l} w[o,c,k,l] x[n, g(o)+c, i s + k d - p, j s + l d - p], where g(o) is the first
// channel of the group that o lies in.
func conv(n *Node, in []*Array) (*Array, error) {
	x, w := in[0], in[1]
	groups := n.IntOr("group", 1)
	if groups < 1 || x.Type != w.Type || x.Dims[1] != groups*w.Dims[1] || w.Dims[0]%groups != 0 {
		return nil, fmt.Errorf("%s %v with a kernel of %s %v in %d groups", x.Type, x.Dims, w.Type, w.Dims, groups)
	}
	win, err := WindowOf(n, x.Dims[2:], w.Dims[2:])
	if err != nil {
		return nil, err
	}
	batch, height, width := x.Dims[0], x.Dims[2], x.Dims[3]
	outs, channels, taps := w.Dims[0], w.Dims[1], win.Kernel[0]*win.Kernel[1]
	y := NewArray(x.Type, batch, outs, win.Out[0], win.Out[1])
	plane := win.Out[0] * win.Out[1]
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
			first := image*x.Dims[1] + out/(outs/groups)*channels
			pixels := x.Data[(first+c)*height*width:][:n*height*width]
			weights := w.Data[(out*channels+c)*taps:][:n*taps]
			for k := range taps {
				win.addTap(sum, pixels, height, width, k/win.Kernel[1]*win.Dilation[0], k%win.Kernel[1]*win.Dilation[1], weights[k:], taps)
			}
			c += n
		}
	})
	return y, nil
}

// addTap adds to every output pixel what one tap of the kernel, at ky, kx, sees, times its weight: of one channel or of
// four, whose weights are taps apart.
func (w Window) addTap(sum, pixels []float64, height, width, ky, kx int, weights []float64, taps int) {
	stride, plane := w.Stride[1], height*width
	// The columns x of the output with 0 <= x stride + shift < width.
	shift := kx - w.Before[1]
	first := max(0, (-shift+stride-1)/stride)
	end := min(w.Out[1], (width-shift+stride-1)/stride)
	for y := range w.Out[0] {
		iy := y*w.Stride[0] + ky - w.Before[0]
		if iy < 0 || iy >= height || first >= end {
			continue
		}
		row, at := sum[y*w.Out[1]:][first:end], iy*width+first*stride+shift
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

// batchNormalization is γ (x - μ) / sqrt(v + ε) + β with the statistics that are given, or in training with those of x,
// as PyTorch's exporter writes out weights that are standardised before they are used.
func batchNormalization(n *Node, in []*Array) (*Array, error) {
	x, scale, shift, mean, variance := in[0], in[1], in[2], in[3], in[4]
	channels, epsilon := x.Dims[1], n.FloatOr("epsilon", 1e-5)
	for _, a := range in[1:] {
		if len(a.Data) != channels {
			return nil, fmt.Errorf("%d statistics for %d channels", len(a.Data), channels)
		}
	}
	y, plane := NewArray(x.Type, x.Dims...), strides(x.Dims)[1]
	if n.IntOr("training_mode", 0) != 0 {
		mean, variance = channelStatistics(x, plane)
	}
	for i, v := range x.Data {
		c := i / plane % channels
		y.Data[i] = scale.Data[c]*(v-mean.Data[c])/math.Sqrt(variance.Data[c]+epsilon) + shift.Data[c]
	}
	return y, nil
}

// channelStatistics are mean and variance (÷ n) of each channel of [N, C, ...], of plane values each.
func channelStatistics(x *Array, plane int) (mean, variance *Array) {
	channels := x.Dims[1]
	mean, variance = NewArray(x.Type, channels), NewArray(x.Type, channels)
	share := float64(channels) / float64(len(x.Data))
	for i, v := range x.Data {
		mean.Data[i/plane%channels] += v * share
	}
	for i, v := range x.Data {
		c := i / plane % channels
		variance.Data[c] += (v - mean.Data[c]) * (v - mean.Data[c]) * share
	}
	return mean, variance
}

// Counts are, along an axis, of how many pixels each window holds that are inside the image, or if pads says so not
// beyond the pads: with ceil_mode the last windows may be.
func (w Window) Counts(axis, side int, pads bool) []float64 {
	from, to := 0, side
	if pads {
		from, to = -w.Before[axis], side+w.pad[axis]
	}
	counts := make([]float64, w.Out[axis])
	for at := range counts {
		for k := range w.Kernel[axis] {
			if p := at*w.Stride[axis] + k*w.Dilation[axis] - w.Before[axis]; p >= from && p < to {
				counts[at]++
			}
		}
	}
	return counts
}

// pool makes one value of the pixels in each window.
func pool(n *Node, x *Array, join func(inside []float64, count float64) float64) (*Array, error) {
	win, err := WindowOf(n, x.Dims[2:], n.IntsOr("kernel_shape", 2, 1))
	if err != nil {
		return nil, err
	}
	height, width := x.Dims[2], x.Dims[3]
	y := NewArray(x.Type, x.Dims[0], x.Dims[1], win.Out[0], win.Out[1])
	rows, columns := win.Counts(0, height, true), win.Counts(1, width, true)
	parallel(x.Dims[0]*x.Dims[1], func(i int) {
		pixels, inside := x.Data[i*height*width:][:height*width], []float64{}
		for p := range win.Out[0] * win.Out[1] {
			inside = inside[:0]
			win.each(p/win.Out[1], p%win.Out[1], height, width, func(y, x int) { inside = append(inside, pixels[y*width+x]) })
			y.Data[i*win.Out[0]*win.Out[1]+p] = join(inside, rows[p/win.Out[1]]*columns[p%win.Out[1]])
		}
	})
	return y, nil
}

func maxPool(n *Node, in []*Array) (*Array, error) {
	return pool(n, in[0], func(inside []float64, _ float64) float64 {
		most := math.Inf(-1)
		for _, v := range inside {
			most = math.Max(most, v)
		}
		return most
	})
}

// averagePool divides by the pixels inside, or with count_include_pad by those of the window.
func averagePool(n *Node, in []*Array) (*Array, error) {
	all := n.IntOr("count_include_pad", 0) != 0
	return pool(n, in[0], func(inside []float64, count float64) float64 {
		sum := 0.0
		for _, v := range inside {
			sum += v
		}
		if !all {
			count = float64(len(inside))
		}
		return sum / count
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

func globalMaxPool(_ *Node, in []*Array) (*Array, error) {
	x := in[0]
	plane := x.Dims[2] * x.Dims[3]
	y := NewArray(x.Type, x.Dims[0], x.Dims[1], 1, 1)
	for i := range y.Data {
		y.Data[i] = slices.Max(x.Data[i*plane:][:plane])
	}
	return y, nil
}
