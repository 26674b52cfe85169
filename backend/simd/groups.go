package simd

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// A convolution in groups is written as one without groups for every few of them, whose kernel is 0
// between groups. That is more arithmetic, and yet faster: the kernels want many channels at a time.

// groupWidth is how many channels the kernels are fast from.
const groupWidth = 32

// joinedGroups is how many groups, each of in and out channels, are best computed together: those
// that cost least, where a product of few channels costs as much as one of groupWidth.
func joinedGroups(groups, in, out int) (best int) {
	cost := func(m int) float64 {
		return float64(max(m*in, groupWidth)) * float64(max(m*out, groupWidth)) / float64(m)
	}
	for m := 1; m <= groups; m++ {
		if groups%m == 0 && (best == 0 || cost(m) < cost(best)) {
			best = m
		}
	}
	return best
}

// hasGroups says whether a convolution is one that grouped writes: valid, of float32, and not of single channels,
// which have a kernel of their own.
func (f *function) hasGroups(x, kernel compute.Value, a convAttr) bool {
	in, err := f.own(x)
	if err != nil {
		return false
	}
	k, err := f.own(kernel)
	if err != nil || !isFloat32(in.shape()) || !isFloat32(k.shape()) || in.shape().Rank() != k.shape().Rank() {
		return false
	}
	channels, own, out := in.shape().Dimensions[a.axes.InputChannels], k.shape().Dimensions[a.axes.KernelInputChannels], k.shape().Dimensions[a.axes.KernelOutputChannels]
	return a.groups > 1 && own*a.groups == channels && out%a.groups == 0 && max(own, out/a.groups) > 1
}

// grouped writes a convolution of float32 in groups of channels as convolutions without groups.
func (f *function) grouped(x, kernel compute.Value, a convAttr) (compute.Value, error) {
	var (
		w       = kernel.(*value).shape()
		in, out = w.Dimensions[a.axes.KernelInputChannels], w.Dimensions[a.axes.KernelOutputChannels] / a.groups
		joined  = joinedGroups(a.groups, in, out)
		parts   []compute.Value
	)
	kernel, err := f.withoutGroups(kernel, a, joined, in, out)
	if err != nil {
		return nil, err
	}
	for i := range a.groups / joined {
		images, err := f.section(x, a.axes.InputChannels, i*joined*in, joined*in)
		if err != nil {
			return nil, err
		}
		own, err := f.section(kernel, a.axes.KernelOutputChannels, i*joined*out, joined*out)
		if err != nil {
			return nil, err
		}
		part, err := f.ConvGeneral(images, own, a.axes, a.strides, a.paddings, a.inputDilations, a.kernelDilations, 1, 1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return f.Concatenate(a.axes.OutputChannels, parts...)
}

// withoutGroups is a kernel for joined groups at a time: it has their input channels, and is 0 for those of
// another group than that of the output channel.
func (f *function) withoutGroups(kernel compute.Value, attr convAttr, joined, in, out int) (compute.Value, error) {
	if joined == 1 {
		return kernel, nil
	}
	inAxis, outAxis := attr.axes.KernelInputChannels, attr.axes.KernelOutputChannels
	tiled, err := f.Concatenate(inAxis, slices.Repeat([]compute.Value{kernel}, joined)...)
	if err != nil {
		return nil, err
	}
	shape := tiled.(*value).shape()
	inputs, channels := joined*in, shape.Dimensions[outAxis]
	own := make([]bool, inputs*channels)
	for i := range inputs {
		for o := range channels {
			at := i*channels + o
			if outAxis < inAxis {
				at = o*inputs + i
			}
			own[at] = i/in == o/out%joined
		}
	}
	axes := []int{inAxis, outAxis}
	slices.Sort(axes)
	mask, err := f.Constant(own, shape.Dimensions[axes[0]], shape.Dimensions[axes[1]])
	if err != nil {
		return nil, err
	}
	if mask, err = f.BroadcastInDim(mask, shapes.Make(dtypes.Bool, shape.Dimensions...), axes); err != nil {
		return nil, err
	}
	zero, err := f.Constant([]float32{0})
	if err != nil {
		return nil, err
	}
	if zero, err = f.BroadcastInDim(zero, shape, nil); err != nil {
		return nil, err
	}
	return f.Where(mask, tiled, zero)
}

// section is a range of an axis.
func (f *function) section(x compute.Value, axis, from, count int) (compute.Value, error) {
	limits := slices.Clone(x.(*value).shape().Dimensions)
	if count == limits[axis] {
		return x, nil
	}
	starts := make([]int, len(limits))
	starts[axis], limits[axis] = from, from+count
	return f.Slice(x, starts, limits, nil)
}
