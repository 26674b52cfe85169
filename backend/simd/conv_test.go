package simd_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// convolution is a ConvGeneral with the sizes of its operands.
type convolution struct {
	x, w    []int
	axes    compute.ConvolveAxesConfig
	strides []int
	pads    [][2]int

	inputDilations, kernelDilations []int
	channelGroups, batchGroups      int

	fast bool // fewer products than the definition's may be taken, with larger errors
}

// layer is a convolution of images NHWC by a square kernel HWIO.
func layer(n, h, w, c, kernel, o int) convolution {
	return convolution{
		x: []int{n, h, w, c}, w: []int{kernel, kernel, c, o}, axes: channelsLast(2),
		strides: []int{1, 1}, pads: make([][2]int, 2), channelGroups: 1, batchGroups: 1,
	}
}

// channelsLast are the axes of a layer with that many spatial axes.
func channelsLast(spatial int) compute.ConvolveAxesConfig {
	var image, kernel []int
	for i := range spatial {
		image, kernel = append(image, i+1), append(kernel, i)
	}
	return compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: image, InputChannels: spatial + 1,
		KernelSpatial: kernel, KernelInputChannels: spatial, KernelOutputChannels: spatial + 1,
		OutputBatch: 0, OutputSpatial: image, OutputChannels: spatial + 1,
	}
}

func (c convolution) with(change func(c *convolution)) convolution {
	change(&c)
	return c
}

func (c convolution) graph(x, w *Node) *Node {
	return ConvGeneral(x, w, c.axes, c.strides, c.pads, c.inputDilations, c.kernelDilations, c.channelGroups, c.batchGroups)
}

// at is a setting of a spatial axis, 1 where it is not set.
func at(v []int, axis int) int {
	if len(v) == 0 {
		return 1
	}
	return v[axis]
}

// y are the sizes of the output.
func (c convolution) y() []int {
	y := make([]int, len(c.x))
	y[c.axes.OutputBatch] = c.x[c.axes.InputBatch] / c.batchGroups
	y[c.axes.OutputChannels] = c.w[c.axes.KernelOutputChannels]
	for i, axis := range c.axes.InputSpatial {
		image := (c.x[axis]-1)*at(c.inputDilations, i) + 1 + c.pads[i][0] + c.pads[i][1]
		kernel := (c.w[c.axes.KernelSpatial[i]]-1)*at(c.kernelDilations, i) + 1
		y[c.axes.OutputSpatial[i]] = (image-kernel)/at(c.strides, i) + 1
	}
	return y
}

// each calls f for every product x[xi] w[wi] of the definition, which adds to y[yi].
func (c convolution) each(f func(xi, wi, yi int)) {
	var (
		a           = c.axes
		yDims       = c.y()
		images      = c.x[a.InputBatch] / c.batchGroups      // of a group
		channels    = c.x[a.InputChannels] / c.channelGroups // of a group
		xIndex      = make([]int, len(c.x))
		positions   = make([]int, 0, 2*len(c.x))
		groupOutput = yDims[a.OutputChannels] / (c.batchGroups * c.channelGroups)
	)
	for _, axis := range a.OutputSpatial {
		positions = append(positions, yDims[axis])
	}
	for _, axis := range a.KernelSpatial {
		positions = append(positions, c.w[axis])
	}
	yIndex, wIndex := make([]int, len(c.x)), make([]int, len(c.x))
	eachIndex(positions, func(index []int) {
		p, k := index[:len(index)/2], index[len(index)/2:]
		for i := range p {
			h := p[i]*at(c.strides, i) + k[i]*at(c.kernelDilations, i) - c.pads[i][0]
			d := at(c.inputDilations, i)
			if h < 0 || h%d != 0 || h/d >= c.x[a.InputSpatial[i]] {
				return
			}
			xIndex[a.InputSpatial[i]] = h / d
			yIndex[a.OutputSpatial[i]], wIndex[a.KernelSpatial[i]] = p[i], k[i]
		}
		for n := range images {
			for o := range yDims[a.OutputChannels] {
				for ch := range channels {
					group := o / groupOutput
					xIndex[a.InputBatch], xIndex[a.InputChannels] = n, ch
					if c.batchGroups > 1 {
						xIndex[a.InputBatch] += group * images
					} else {
						xIndex[a.InputChannels] += group * channels
					}
					wIndex[a.KernelInputChannels], wIndex[a.KernelOutputChannels] = ch, o
					yIndex[a.OutputBatch], yIndex[a.OutputChannels] = n, o
					f(offset(c.x, xIndex), offset(c.w, wIndex), offset(yDims, yIndex))
				}
			}
		}
	})
}

// eachIndex calls f with every index of a tensor, in order.
func eachIndex(dims []int, f func(index []int)) {
	index := make([]int, len(dims))
	for range sizeOf(dims) {
		f(index)
		for axis := len(dims) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < dims[axis] {
				break
			}
			index[axis] = 0
		}
	}
}

func offset(dims, index []int) int {
	at := 0
	for axis, i := range index {
		at = at*dims[axis] + i
	}
	return at
}

// sum is an element by its definition: its value, Σ|products| and their number.
type sum struct {
	value, magnitude float64
	terms            int
}

func (s *sum) add(a, b float32) {
	p := float64(a) * float64(b)
	s.value, s.magnitude, s.terms = s.value+p, s.magnitude+math.Abs(p), s.terms+1
}

// check fails unless got is want within n u Σ|products|, which holds for any
// order of a sum of n products, or roughly where the algorithm is fast.
func check(t *testing.T, what string, got *tensors.Tensor, dims []int, want []sum, fast bool) {
	t.Helper()
	if !slices.Equal(got.Shape().Dimensions, dims) {
		t.Errorf("%s: shape %s, want %v", what, got.Shape(), dims)
		return
	}
	if fast {
		checkRoughly(t, what, got, want)
		return
	}
	for i, g := range numbers(got) {
		if tol := float64(want[i].terms) * u * want[i].magnitude; !(math.Abs(g-want[i].value) <= tol) {
			t.Errorf("%s: element %d is %g, want %g ± %g", what, i, g, want[i].value, tol)
			return
		}
	}
}

// checkRoughly fails unless got is want within 2e-5 of the largest, which is what
// a convolution with fewer products than the definition's may cost.
func checkRoughly(t *testing.T, what string, got *tensors.Tensor, want []sum) {
	t.Helper()
	values := make([]float64, len(want))
	for i, w := range want {
		values[i] = w.value
	}
	near(t, what, numbers(got), values, 2e-5)
}

// test compares the convolution and, unless it has none, its gradients with
// their definition, on the engine and on the Go backend.
func (c convolution) test(t *testing.T, gradients bool, backends map[string]compute.Backend) {
	r := rand.New(rand.NewPCG(uint64(sizeOf(c.x)), uint64(sizeOf(c.w))))
	x, w, slope := normals(r, c.x...), normals(r, c.w...), normals(r, c.y()...)
	y, dx, dw := make([]sum, len(slope.flat)), make([]sum, len(x.flat)), make([]sum, len(w.flat))
	c.each(func(xi, wi, yi int) {
		y[yi].add(x.flat[xi], w.flat[wi])
		dx[xi].add(slope.flat[yi], w.flat[wi])
		dw[wi].add(slope.flat[yi], x.flat[xi])
	})
	for name, b := range backends {
		got := run(t, b, dtypes.Float32, func(in []*Node) []*Node {
			y := c.graph(in[0], in[1])
			if !gradients {
				return []*Node{y}
			}
			return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, in[2])), in[0], in[1])...)
		}, x, w, slope)
		check(t, name+": y", got[0], slope.dims, y, c.fast)
		if gradients {
			check(t, name+": dx", got[1], c.x, dx, c.fast)
			check(t, name+": dw", got[2], c.w, dw, c.fast)
		}
	}
}

func both(t *testing.T) map[string]compute.Backend {
	return map[string]compute.Backend{"simd": engine(t, "workers=3"), "go": portable(t)}
}

func TestConvolutionLayers(t *testing.T) {
	backends := both(t)
	channels := [][2]int{{1, 5}, {3, 17}, {17, 3}, {5, 130}, {130, 1}}
	for kernel := 1; kernel <= 7; kernel += 2 {
		half := (kernel - 1) / 2
		for name, pad := range map[string][2]int{
			"none": {}, "same": {half, half}, "full": {kernel - 1, kernel - 1}, "before": {half, 0}, "after": {0, kernel - 1},
		} {
			if kernel == 1 && name != "none" {
				continue // the others are the same
			}
			for _, stride := range []int{1, 2} {
				for i, ch := range channels {
					n, side := 1+i%3, 7+i%2
					t.Run(fmt.Sprintf("kernel=%d/pad=%s/stride=%d/channels=%d,%d", kernel, name, stride, ch[0], ch[1]), func(t *testing.T) {
						layer(n, side, side+1, ch[0], kernel, ch[1]).with(func(c *convolution) {
							c.strides, c.pads = []int{stride, stride}, [][2]int{pad, pad}
						}).test(t, true, backends)
					})
				}
			}
		}
	}
}

// TestWideConvolutions are 3x3 of enough channels for a fast algorithm.
func TestWideConvolutions(t *testing.T) {
	backends := map[string]compute.Backend{"simd": engine(t, "workers=3")}
	for _, tc := range []struct {
		name string
		conv convolution
	}{
		{"a stage of a network", layer(2, 8, 8, 32, 3, 64)},
		{"odd channels", layer(1, 12, 9, 33, 3, 70)},
		{"one image", layer(1, 13, 16, 32, 3, 32)},
		{"many images", layer(20, 4, 4, 32, 3, 32)},
	} {
		for _, pad := range [][2]int{{0, 0}, {1, 1}, {2, 2}, {0, 2}, {2, 1}} {
			t.Run(fmt.Sprintf("%s/pad=%v", tc.name, pad), func(t *testing.T) {
				c := tc.conv
				c.pads, c.fast = [][2]int{pad, {pad[1], pad[0]}}, true
				c.test(t, true, backends)
			})
		}
	}
}

func TestConvolutions(t *testing.T) {
	backends := both(t)
	for _, tc := range []struct {
		name      string
		conv      convolution
		gradients bool // GoMLX has them, and right: not of even kernels
	}{
		{"many images of one pixel", layer(70, 1, 1, 17, 1, 33), true},
		{"many small images", layer(70, 3, 3, 4, 3, 8).with(func(c *convolution) { c.pads = [][2]int{{1, 1}, {1, 1}} }), true},
		{"one image larger than a task", layer(1, 40, 41, 2, 3, 4).with(func(c *convolution) { c.pads = [][2]int{{1, 1}, {1, 1}} }), true},
		{"an image as large as the kernel", layer(2, 5, 5, 3, 5, 6), true},
		{"an even kernel", layer(2, 6, 7, 3, 2, 5), false},
		{"an even kernel, padded behind", layer(2, 6, 7, 3, 4, 5).with(func(c *convolution) { c.pads = [][2]int{{1, 2}, {1, 2}} }), false},
		{"a flat kernel", layer(2, 6, 7, 3, 1, 5).with(func(c *convolution) { c.w = []int{1, 5, 3, 5}; c.pads[1] = [2]int{2, 2} }), true},
		{"a tall kernel", layer(2, 6, 7, 3, 1, 5).with(func(c *convolution) { c.w = []int{4, 1, 3, 5}; c.pads[0] = [2]int{0, 3} }), false},
		{"unlike strides", layer(2, 9, 8, 3, 3, 5).with(func(c *convolution) { c.strides = []int{3, 2}; c.pads = [][2]int{{1, 1}, {0, 2}} }), true},
		{"a stride longer than the kernel", layer(2, 9, 8, 3, 2, 5).with(func(c *convolution) { c.strides = []int{3, 3} }), false},
		{"a stride that leaves rows over", layer(1, 8, 8, 3, 3, 5).with(func(c *convolution) { c.strides = []int{4, 3} }), true},
		{"cropped", layer(2, 9, 8, 3, 3, 5).with(func(c *convolution) { c.pads = [][2]int{{-1, -2}, {-2, 1}} }), false},
		{"cropped, with strides", layer(2, 9, 8, 3, 3, 5).with(func(c *convolution) { c.strides, c.pads = []int{2, 3}, [][2]int{{-1, 2}, {-2, -1}} }), false},
		{"no settings", layer(2, 6, 7, 3, 3, 5).with(func(c *convolution) { c.strides = nil }), true},
		{"a dilated kernel", layer(2, 9, 8, 3, 3, 5).with(func(c *convolution) { c.kernelDilations = []int{2, 2}; c.pads = [][2]int{{2, 2}, {1, 0}} }), true},
		{"an unlikely dilated kernel", layer(2, 9, 8, 3, 3, 5).with(func(c *convolution) { c.kernelDilations = []int{1, 3} }), true},
		{"groups", layer(2, 6, 7, 6, 3, 10).with(func(c *convolution) { c.w[2] = 3; c.channelGroups = 2; c.pads = [][2]int{{1, 1}, {1, 1}} }), true},
		{"many groups", layer(2, 6, 7, 96, 3, 48).with(func(c *convolution) { c.w[2], c.channelGroups, c.fast = 4, 24, true }), true},
		{"wide groups", layer(2, 6, 7, 80, 3, 160).with(func(c *convolution) { c.w[2], c.channelGroups, c.fast = 40, 2, true }), true},
		{"a prime number of groups, dilated", layer(1, 6, 7, 33, 3, 22).with(func(c *convolution) { c.w[2], c.channelGroups, c.kernelDilations = 3, 11, []int{2, 2} }), true},
		{"groups, channels first", layer(2, 6, 7, 12, 3, 8).with(func(c *convolution) {
			c.x, c.w, c.channelGroups = []int{2, 12, 6, 7}, []int{8, 3, 3, 3}, 4
			c.axes = compute.ConvolveAxesConfig{InputChannels: 1, InputSpatial: []int{2, 3}, KernelInputChannels: 1, KernelSpatial: []int{2, 3}, OutputChannels: 1, OutputSpatial: []int{2, 3}}
		}), true},
		{"groups with strides", layer(2, 6, 7, 6, 3, 9).with(func(c *convolution) {
			c.w[2] = 2
			c.channelGroups = 3
			c.strides = []int{2, 2}
			c.pads = [][2]int{{1, 1}, {1, 1}}
		}), true},
		{"one channel a group", layer(1, 6, 7, 5, 3, 10).with(func(c *convolution) { c.w[2] = 1; c.channelGroups = 5 }), true},
		{"groups of images", layer(6, 5, 4, 3, 3, 4).with(func(c *convolution) { c.batchGroups = 2 }), true},
		{"a dilated image", layer(2, 4, 3, 3, 3, 5).with(func(c *convolution) { c.inputDilations = []int{2, 2}; c.pads = [][2]int{{2, 2}, {1, 2}} }), false},
		{"a dilated image in one direction, with strides", layer(2, 4, 5, 3, 3, 5).with(func(c *convolution) { c.inputDilations = []int{3, 1}; c.strides = []int{1, 2} }), false},
		{"a dilated image and a dilated kernel", layer(1, 5, 5, 3, 3, 5).with(func(c *convolution) { c.inputDilations, c.kernelDilations = []int{2, 3}, []int{3, 2} }), false},
		{"channels first", convolution{
			x: []int{2, 3, 6, 7}, w: []int{5, 3, 3, 3}, strides: []int{2, 1}, pads: [][2]int{{1, 1}, {0, 1}}, channelGroups: 1, batchGroups: 1,
			axes: compute.ConvolveAxesConfig{
				InputBatch: 0, InputChannels: 1, InputSpatial: []int{2, 3}, KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: []int{2, 3},
				OutputBatch: 0, OutputChannels: 1, OutputSpatial: []int{2, 3},
			},
		}, true},
		{"rows and columns exchanged", layer(2, 6, 7, 3, 3, 5).with(func(c *convolution) {
			c.w, c.axes.InputSpatial, c.axes.KernelSpatial = []int{2, 3, 3, 5}, []int{2, 1}, []int{1, 0}
		}), false},
		{"a kernel with its channels exchanged", layer(2, 6, 7, 3, 3, 5).with(func(c *convolution) {
			c.w, c.axes.KernelInputChannels, c.axes.KernelOutputChannels = []int{3, 3, 5, 3}, 3, 2
		}), true},
		{"sequences", convolution{x: []int{3, 20, 5}, w: []int{5, 5, 7}, axes: channelsLast(1), strides: []int{2}, pads: [][2]int{{1, 2}}, channelGroups: 1, batchGroups: 1}, true},
		{"volumes", convolution{
			x: []int{2, 4, 5, 3, 3}, w: []int{3, 1, 3, 3, 4}, axes: channelsLast(3), strides: []int{1, 2, 1},
			pads: [][2]int{{1, 1}, {0, 0}, {0, 1}}, channelGroups: 1, batchGroups: 1,
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.conv.test(t, tc.gradients, backends) })
	}
}

// TestConvolutionsLikeGradients writes what resembles the gradients of a layer,
// which the engine recognises by their axes and by the reversal of the kernel.
func TestConvolutionsLikeGradients(t *testing.T) {
	inputGrad := layer(2, 5, 4, 6, 3, 3).with(func(c *convolution) { // of images with 3 channels, dy having 6
		c.w, c.axes.KernelInputChannels, c.axes.KernelOutputChannels = []int{3, 3, 3, 6}, 3, 2
	})
	weightGrad := convolution{ // of x [4, 7, 6, 3] and dy [4, 5, 4, 5]
		x: []int{4, 7, 6, 3}, w: []int{4, 5, 4, 5}, strides: []int{1, 1}, pads: make([][2]int, 2), channelGroups: 1, batchGroups: 1,
		axes: compute.ConvolveAxesConfig{
			InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0, KernelSpatial: []int{1, 2}, KernelInputChannels: 0, KernelOutputChannels: 3,
			OutputBatch: 2, OutputSpatial: []int{0, 1}, OutputChannels: 3,
		},
	}
	for _, tc := range []struct {
		name     string
		conv     convolution
		reversed []int // axes of the kernel
	}{
		{"the gradient of an image", inputGrad, []int{0, 1}},
		{"the axes the other way round", inputGrad, []int{1, 0}},
		{"with strides", inputGrad.with(func(c *convolution) { c.inputDilations = []int{2, 3} }), []int{0, 1}},
		{"padded as a layer without padding", inputGrad.with(func(c *convolution) { c.pads = [][2]int{{2, 2}, {2, 2}} }), []int{0, 1}},
		{"padded more than a gradient can be", inputGrad.with(func(c *convolution) { c.pads = [][2]int{{4, 3}, {3, 5}} }), []int{0, 1}},
		{"padded more than a gradient can be, with strides", inputGrad.with(func(c *convolution) {
			c.pads, c.inputDilations = [][2]int{{4, 3}, {3, 5}}, []int{2, 2}
		}), []int{0, 1}},
		{"taken at every second place", inputGrad.with(func(c *convolution) { c.strides = []int{2, 2} }), []int{0, 1}},
		{"of a dilated kernel", inputGrad.with(func(c *convolution) { c.kernelDilations, c.pads = []int{2, 1}, [][2]int{{1, 1}, {0, 0}} }), []int{0, 1}},
		{"one axis reversed", inputGrad, []int{1}},
		{"channels reversed too", inputGrad, []int{0, 1, 3}},
		{"only channels reversed", inputGrad, []int{2, 3}},
		{"not reversed", inputGrad, nil},
		{"a layer with a reversed kernel", layer(2, 5, 4, 6, 3, 3), []int{0, 1}},
		{"the gradient of a kernel", weightGrad, nil},
		{"the gradient of a kernel with strides", weightGrad.with(func(c *convolution) {
			c.w, c.kernelDilations = []int{4, 3, 3, 5}, []int{2, 2}
		}), nil},
		{"padded", weightGrad.with(func(c *convolution) { c.pads = [][2]int{{2, 1}, {0, 3}} }), nil},
		{"of a kernel that is dilated", weightGrad.with(func(c *convolution) { c.strides = []int{2, 1} }), nil},
		{"of a dilated image", weightGrad.with(func(c *convolution) { c.inputDilations = []int{1, 2} }), nil},
		{"reversed", weightGrad, []int{1, 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.conv
			r := rand.New(rand.NewPCG(1, 2))
			x, w := normals(r, c.x...), normals(r, c.w...)
			reversed := make([]float32, len(w.flat))
			eachIndex(c.w, func(index []int) {
				from := slices.Clone(index)
				for _, axis := range tc.reversed {
					from[axis] = c.w[axis] - 1 - index[axis]
				}
				reversed[offset(c.w, index)] = w.flat[offset(c.w, from)]
			})
			y := make([]sum, sizeOf(c.y()))
			c.each(func(xi, wi, yi int) { y[yi].add(x.flat[xi], reversed[wi]) })
			for name, b := range both(t) {
				got := run(t, b, dtypes.Float32, func(in []*Node) []*Node {
					kernel := in[1]
					if len(tc.reversed) > 0 {
						kernel = Reverse(kernel, tc.reversed...)
					}
					return []*Node{c.graph(in[0], kernel), kernel}
				}, x, w)
				check(t, name+": y", got[0], c.y(), y, false)
				for i, k := range numbers(got[1]) {
					if k != float64(reversed[i]) {
						t.Fatalf("%s: the kernel's element %d is %g, want %g", name, i, k, reversed[i])
					}
				}
			}
		})
	}
}

// TestConvolutionsOfNothing has no images, no channels, or nothing but padding to sum.
func TestConvolutionsOfNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		conv convolution
	}{
		{"no images", layer(0, 5, 5, 3, 3, 4)},
		{"no channels", layer(2, 5, 5, 0, 3, 4)},
		{"no outputs", layer(2, 5, 5, 3, 3, 0)},
		{"padding only", layer(1, 1, 1, 3, 1, 4).with(func(c *convolution) { c.pads = [][2]int{{0, 3}, {0, 3}} })},
		{"an image that no tap of the kernel meets", layer(1, 2, 2, 3, 2, 4).with(func(c *convolution) {
			c.pads, c.kernelDilations = [][2]int{{1, 1}, {1, 1}}, []int{3, 3}
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.conv.test(t, false, map[string]compute.Backend{"simd": engine(t, "")})
		})
	}
}
