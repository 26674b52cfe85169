package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The operators that move values.

// within counts an axis, or a place, from 0.
func within(at, length int) (int, error) {
	from0 := at
	if at < 0 {
		from0 += length
	}
	if from0 < 0 || from0 >= length {
		return 0, fmt.Errorf("there is no %d among %d", at, length)
	}
	return from0, nil
}

// Axis is the axis among rank that the attribute names, or else absent, counted from 0.
func (n *Node) Axis(absent, rank int) (int, error) { return axisOf(n.IntOr("axis", absent), rank) }

func axisOf(at, rank int) (int, error) {
	axis, err := within(at, rank)
	if err != nil {
		err = fmt.Errorf("there is no axis %d among %d", at, rank)
	}
	return axis, err
}

func concat(n *Node, in []*Array) (*Array, error) {
	axis, err := n.Axis(0, len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(in[0].Dims)
	dims[axis] = 0
	for _, x := range in {
		dims[axis] += x.Dims[axis]
		for i, d := range x.Dims {
			if len(x.Dims) != len(dims) || i != axis && d != dims[i] || x.Type != in[0].Type {
				return nil, fmt.Errorf("%s %v does not go beside %s %v", x.Type, x.Dims, in[0].Type, in[0].Dims)
			}
		}
	}
	out := NewArray(in[0].Type, dims...)
	row := strides(dims)[axis] // values of one place on the axis
	at := 0
	for _, x := range in {
		length := x.Dims[axis] * row
		for i := 0; i*length < len(x.Data); i++ {
			copy(out.Data[i*dims[axis]*row+at:], x.Data[i*length:][:length])
		}
		at += length
	}
	return out, nil
}

// Range is what a Slice takes of an axis: count places from start on, step apart.
type Range struct{ Start, Count, Step int }

// Ranges reads a Slice's inputs, or the attributes of older versions: of each axis of dims, what is taken.
func Ranges(n *Node, dims []int, starts, ends, axes, steps *Array) ([]Range, error) {
	ranges := make([]Range, len(dims))
	for i, d := range dims {
		ranges[i] = Range{0, d, 1}
	}
	read := func(a *Array, name string, absent func(i int) int, count int) ([]int, error) {
		var values []int
		switch {
		case a != nil:
			values = a.Ints()
		case n.Attribute(name) != nil:
			values = n.IntsOr(name, 0, 0)
		default:
			for i := range count {
				values = append(values, absent(i))
			}
		}
		if len(values) != count {
			return nil, fmt.Errorf("%d %s, want %d", len(values), name, count)
		}
		return values, nil
	}
	count := len(n.IntsOr("starts", 0, 0))
	if starts != nil {
		count = len(starts.Data)
	}
	from, err1 := read(starts, "starts", nil, count)
	to, err2 := read(ends, "ends", func(int) int { return 0 }, count)
	on, err3 := read(axes, "axes", func(i int) int { return i }, count)
	by, err4 := read(steps, "steps", func(int) int { return 1 }, count)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	for i := range count {
		axis, err := within(on[i], len(dims))
		if err != nil {
			return nil, err
		}
		d, step := dims[axis], by[i]
		if step == 0 || step == math.MinInt {
			return nil, errors.New("it goes by steps of 0")
		}
		place := func(at, low, high int) int {
			if at < 0 {
				at += d
			}
			return min(max(at, low), high)
		}
		if step > 0 {
			start, end := place(from[i], 0, d), place(to[i], 0, d)
			ranges[axis] = Range{start, max(0, (end-start+step-1)/step), step}
		} else {
			start, end := place(from[i], 0, d-1), place(to[i], -1, d-1)
			if to[i] < -d {
				end = -1
			}
			ranges[axis] = Range{start, max(0, (start-end-step-1)/-step), step}
		}
		if step > d || -step > d { // which takes one at most
			ranges[axis].Step = max(1, d)
		}
	}
	return ranges, nil
}

// slice takes data, starts, ends, axes and steps.
func slice(n *Node, in []*Array) (*Array, error) {
	ranges, err := Ranges(n, in[0].Dims, input(in, 1), input(in, 2), input(in, 3), input(in, 4))
	if err != nil {
		return nil, err
	}
	dims, steps, start := slices.Clone(in[0].Dims), strides(in[0].Dims), 0
	for i, r := range ranges {
		dims[i] = r.Count
		start += r.Start * steps[i]
		steps[i] *= r.Step
	}
	return in[0].gather(dims, start, steps), nil
}

// take returns the array whose places along an axis are those of a that are listed.
func (a *Array) take(axis int, places []int) *Array {
	dims := slices.Clone(a.Dims)
	dims[axis] = len(places)
	out := NewArray(a.Type, dims...)
	row := strides(a.Dims)[axis]
	length := row * a.Dims[axis]
	for outer := 0; row > 0 && outer*len(places)*row < len(out.Data); outer++ {
		for i, at := range places {
			copy(out.Data[(outer*len(places)+i)*row:][:row], a.Data[outer*length+at*row:])
		}
	}
	return out
}

// Padding is what a Pad adds before and behind each axis of dims; less than 0 takes away.
func Padding(n *Node, dims []int, pads, axes *Array) (before, behind []int, err error) {
	values := n.IntsOr("pads", 0, 0)
	if pads != nil {
		values = pads.Ints()
	}
	on, err := n.Axes(axes, len(dims))
	if err != nil {
		return nil, nil, err
	}
	if axes == nil {
		for i := range dims {
			on = append(on, i)
		}
	}
	if len(values) != 2*len(on) {
		return nil, nil, fmt.Errorf("%d pads for %d axes", len(values), len(on))
	}
	before, behind = make([]int, len(dims)), make([]int, len(dims))
	for i, axis := range on {
		before[axis], behind[axis] = values[i], values[len(on)+i]
		if total := dims[axis] + before[axis] + behind[axis]; before[axis] < -dims[axis] || behind[axis] < -dims[axis] || total < 0 || before[axis] > 1<<30 || behind[axis] > 1<<30 {
			return nil, nil, fmt.Errorf("%d and %d are no pads of %d values", before[axis], behind[axis], dims[axis])
		}
	}
	return before, behind, nil
}

// PadPlaces says which of length values each place of a padded axis repeats; -1 stands for the constant.
func PadPlaces(mode string, length, before, behind int) ([]int, error) {
	if mode != "constant" && (length == 0 || mode == "reflect" && length == 1) {
		return nil, fmt.Errorf("%d values are too few for the mode %s", length, mode)
	}
	var places []int
	for i := -before; i < length+behind; i++ {
		at := i
		switch mode {
		case "constant":
			if i < 0 || i >= length {
				at = -1
			}
		case "edge":
			at = min(max(i, 0), length-1)
		case "wrap":
			at = (i%length + length) % length
		case "reflect":
			period := 2 * (length - 1)
			at = (i%period + period) % period
			at = min(at, period-at)
		default:
			return nil, fmt.Errorf("the mode %s is not known", mode)
		}
		places = append(places, at)
	}
	return places, nil
}

// pad takes data, pads (those before the axes, then those behind), the constant, and the axes.
func pad(n *Node, in []*Array) (*Array, error) {
	before, behind, err := Padding(n, in[0].Dims, input(in, 1), input(in, 3))
	if err != nil {
		return nil, err
	}
	fill := n.FloatOr("value", 0)
	if v := input(in, 2); v != nil {
		fill = v.Data[0]
	}
	out := in[0]
	for axis := range before {
		if before[axis] == 0 && behind[axis] == 0 {
			continue
		}
		places, err := PadPlaces(n.StringOr("mode", "constant"), out.Dims[axis], before[axis], behind[axis])
		if err != nil {
			return nil, err
		}
		dims := slices.Clone(out.Dims)
		dims[axis] = len(places)
		next, row := NewArray(out.Type, dims...), strides(dims)[axis]
		for i := range next.Data {
			outer, at, inner := i/(row*len(places)), places[i/row%len(places)], i%row
			next.Data[i] = fill
			if at >= 0 {
				next.Data[i] = out.Data[(outer*out.Dims[axis]+at)*row+inner]
			}
		}
		out = next
	}
	if out == in[0] {
		return out.As(out.Type), nil
	}
	return out, nil
}

// gather takes the places of an axis that its second input lists, whose shape takes the axis' place.
func gather(n *Node, in []*Array) (*Array, error) {
	axis, places, err := Places(n, in[0].Dims, in[1])
	if err != nil {
		return nil, err
	}
	out := in[0].take(axis, places)
	out.Dims = slices.Concat(in[0].Dims[:axis], in[1].Dims, in[0].Dims[axis+1:])
	return out, nil
}

// Places are the axis of a Gather, and the places on it that are listed.
func Places(n *Node, dims []int, list *Array) (axis int, places []int, err error) {
	if axis, err = n.Axis(0, len(dims)); err != nil {
		return 0, nil, err
	}
	places = list.Ints()
	for i, at := range places {
		if places[i], err = within(at, dims[axis]); err != nil {
			return 0, nil, err
		}
	}
	return axis, places, nil
}

// Parts are the axis of a Split and the length of each part.
func Parts(n *Node, dims []int, list *Array) (axis int, parts []int, err error) {
	if axis, err = n.Axis(0, len(dims)); err != nil {
		return 0, nil, err
	}
	parts = n.IntsOr("split", 0, 0)
	if list != nil {
		parts = list.Ints()
	}
	count := len(n.Outputs)
	if len(parts) == 0 && count > 0 {
		each := (dims[axis] + count - 1) / count
		for left := dims[axis]; len(parts) < count; left -= each {
			parts = append(parts, max(0, min(each, left)))
		}
	}
	sum := 0
	for _, p := range parts {
		if sum += p; p < 0 || sum > dims[axis] {
			break
		}
	}
	if sum != dims[axis] || len(parts) != count {
		return 0, nil, fmt.Errorf("%d values do not become %d parts of %v", dims[axis], count, parts)
	}
	return axis, parts, nil
}

// split cuts an axis into parts.
func split(n *Node, in []*Array) ([]*Array, error) {
	axis, parts, err := Parts(n, in[0].Dims, input(in, 1))
	if err != nil {
		return nil, err
	}
	var out []*Array
	at := 0
	for _, length := range parts {
		places := make([]int, length)
		for i := range places {
			places[i] = at + i
		}
		out = append(out, in[0].take(axis, places))
		at += length
	}
	return out, nil
}

func tile(_ *Node, in []*Array) (*Array, error) {
	out := in[0]
	for axis, times := range in[1].Ints() {
		if times < 0 || times > mostValues {
			return nil, fmt.Errorf("%d times", times)
		}
		length := out.Dims[axis]
		places := make([]int, length*times)
		for i := range places {
			places[i] = i % length
		}
		out = out.take(axis, places)
	}
	return out.As(out.Type), nil
}

// scatterND copies data and puts rows of updates where the last axis of indices says.
func scatterND(_ *Node, in []*Array) (*Array, error) {
	data, indices, updates := in[0].As(in[0].Type), in[1], in[2]
	depth := indices.Dims[len(indices.Dims)-1]
	if depth > len(data.Dims) || depth == 0 {
		return nil, fmt.Errorf("indices %v into %v", indices.Dims, data.Dims)
	}
	row, err := size(data.Dims[depth:])
	if err != nil {
		return nil, err
	}
	steps, places := strides(data.Dims), indices.Ints()
	for i := 0; i*depth < len(indices.Data); i++ {
		place := 0
		for axis, v := range places[i*depth:][:depth] {
			at, err := within(v, data.Dims[axis])
			if err != nil {
				return nil, err
			}
			place += at * steps[axis]
		}
		copy(data.Data[place:][:row], updates.Data[i*row:][:row])
	}
	return data, nil
}
