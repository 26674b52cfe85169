package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The operators that move values, and make shapes.

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

func transpose(n *Node, in []*Array) (*Array, error) {
	order, err := n.Permutation(len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	return in[0].Transpose(order), nil
}

// Permutation says of a Transpose which axis of its input each axis of its output is; without an attribute they are
// reversed.
func (n *Node) Permutation(rank int) ([]int, error) {
	order := n.IntsOr("perm", rank, 0)
	if n.Attribute("perm") == nil {
		for i := range order {
			order[i] = rank - 1 - i
		}
	}
	seen := make([]bool, rank)
	for _, a := range order {
		if len(order) != rank || a < 0 || a >= rank || seen[a] {
			return nil, fmt.Errorf("%v is no order of %d axes", order, rank)
		}
		seen[a] = true
	}
	return order, nil
}

func reshape(n *Node, in []*Array) (*Array, error) {
	dims, err := ReshapeDims(n, in[0].Dims, in[1].Ints())
	if err != nil {
		return nil, err
	}
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, nil
}

// ReshapeDims is what a Reshape makes of a shape: -1 stands for what is left, 0 for what it was.
func ReshapeDims(n *Node, from, to []int) ([]int, error) {
	dims, free, known := slices.Clone(to), -1, 1
	for i, d := range dims {
		switch {
		case d == -1 && free < 0:
			free = i
			continue
		case d == 0 && n.IntOr("allowzero", 0) == 0 && i < len(from):
			dims[i] = from[i]
		}
		known *= dims[i]
	}
	total, err := size(from)
	if free >= 0 && known > 0 {
		dims[free] = total / known
	}
	if n, err2 := size(dims); err != nil || err2 != nil || n != total {
		return nil, fmt.Errorf("%v does not become %v", from, to)
	}
	return dims, nil
}

func flatten(n *Node, in []*Array) (*Array, error) {
	axis, err := n.Axis(1, len(in[0].Dims)+1)
	if err != nil {
		return nil, err
	}
	rows, err := size(in[0].Dims[:axis])
	if err != nil || rows == 0 {
		return nil, errors.New("there is nothing to flatten")
	}
	return &Array{in[0].Type, []int{rows, len(in[0].Data) / rows}, slices.Clone(in[0].Data)}, nil
}

func shapeOf(n *Node, in []*Array) (*Array, error) {
	dims := in[0].Dims
	at := func(i int) int {
		if i < 0 {
			i += len(dims)
		}
		return min(max(i, 0), len(dims))
	}
	from := at(n.IntOr("start", 0))
	return IntVector(dims[from:max(from, at(n.IntOr("end", len(dims))))]...), nil
}

func expand(_ *Node, in []*Array) (*Array, error) {
	dims, err := CommonShape(in[0].Dims, in[1].Ints())
	if err != nil {
		return nil, err
	}
	return in[0].Broadcast(dims)
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

func squeeze(n *Node, in []*Array) (*Array, error) {
	dims, err := SqueezeDims(n, in[0].Dims, input(in, 1))
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, err
}

// SqueezeDims drops axes of length 1: those that are named, or all.
func SqueezeDims(n *Node, dims []int, list *Array) ([]int, error) {
	axes, err := n.Axes(list, len(dims))
	if err != nil {
		return nil, err
	}
	var rest []int
	for i, d := range dims {
		named := slices.Contains(axes, i)
		if named && d != 1 {
			return nil, fmt.Errorf("axis %d of %v is not of length 1", i, dims)
		}
		if !named && (len(axes) > 0 || d != 1) {
			rest = append(rest, d)
		}
	}
	return rest, nil
}

func unsqueeze(n *Node, in []*Array) (*Array, error) {
	dims, err := UnsqueezeDims(n, in[0].Dims, input(in, 1))
	return &Array{in[0].Type, dims, slices.Clone(in[0].Data)}, err
}

// UnsqueezeDims adds axes of length 1, at places in the result.
func UnsqueezeDims(n *Node, dims []int, list *Array) ([]int, error) {
	count := len(n.IntsOr("axes", 0, 0))
	if list != nil {
		count = len(list.Data)
	}
	axes, err := n.Axes(list, len(dims)+count)
	if err != nil {
		return nil, err
	}
	slices.Sort(axes)
	out := slices.Clone(dims)
	for i, a := range axes {
		if a > len(out) || i > 0 && a == axes[i-1] {
			return nil, fmt.Errorf("axes %v cannot be added to %v", axes, dims)
		}
		out = slices.Insert(out, a, 1)
	}
	return out, nil
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

// constant is the value that the node states.
func constant(n *Node, _ []*Array) (*Array, error) {
	for _, a := range n.Attributes {
		switch a.Name {
		case "value":
			if a.Tensor != nil {
				return a.Tensor.Array()
			}
		case "value_float":
			return Scalar(Float32, float64(a.Float)), nil
		case "value_int":
			return Scalar(Int64, float64(a.Int)), nil
		case "value_ints":
			return IntVector(n.IntsOr(a.Name, 0, 0)...), nil
		case "value_floats":
			return FromFloat32(a.Floats, len(a.Floats)), nil
		}
	}
	return nil, errors.New("it states no numbers")
}

func constantOfShape(n *Node, in []*Array) (*Array, error) {
	fill := Scalar(Float32, 0)
	if a := n.Attribute("value"); a != nil && a.Tensor != nil {
		var err error
		if fill, err = a.Tensor.Array(); err != nil {
			return nil, err
		}
	}
	out := NewArray(fill.Type, in[0].Ints()...)
	for i := range out.Data {
		out.Data[i] = fill.Data[0]
	}
	return out, nil
}

// rangeOf is start, start + delta, ... below the limit.
func rangeOf(_ *Node, in []*Array) (*Array, error) {
	start, limit, delta := in[0].Data[0], in[1].Data[0], in[2].Data[0]
	count := math.Max(0, math.Ceil((limit-start)/delta))
	if !(count <= mostValues) {
		return nil, fmt.Errorf("a range from %g to %g by %g", start, limit, delta)
	}
	out := NewArray(in[0].Type, int(count))
	for i := range out.Data {
		out.Data[i] = start + float64(i)*delta
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

func sizeOf(_ *Node, in []*Array) (*Array, error) {
	return Scalar(Int64, float64(len(in[0].Data))), nil
}

// depthToSpace makes of channels blocks of pixels.
func depthToSpace(n *Node, in []*Array) (*Array, error) {
	s, d := n.IntOr("blocksize", 1), in[0].Dims
	if s < 1 || d[1]%(s*s) != 0 {
		return nil, fmt.Errorf("%d channels do not become blocks of %d pixels", d[1], s)
	}
	c := d[1] / (s * s)
	parts, order := []int{d[0], s, s, c, d[2], d[3]}, []int{0, 3, 4, 1, 5, 2}
	if n.StringOr("mode", "DCR") == "CRD" {
		parts, order = []int{d[0], c, s, s, d[2], d[3]}, []int{0, 1, 4, 2, 5, 3}
	}
	y := (&Array{in[0].Type, parts, in[0].Data}).Transpose(order)
	return &Array{y.Type, []int{d[0], c, d[2] * s, d[3] * s}, y.Data}, nil
}

// spaceToDepth makes of blocks of pixels channels.
func spaceToDepth(n *Node, in []*Array) (*Array, error) {
	s, d := n.IntOr("blocksize", 1), in[0].Dims
	if s < 1 || d[2]%s != 0 || d[3]%s != 0 {
		return nil, fmt.Errorf("%d x %d pixels are not made of blocks of %d", d[2], d[3], s)
	}
	y := (&Array{in[0].Type, []int{d[0], d[1], d[2] / s, s, d[3] / s, s}, in[0].Data}).Transpose([]int{0, 3, 5, 1, 2, 4})
	return &Array{y.Type, []int{d[0], d[1] * s * s, d[2] / s, d[3] / s}, y.Data}, nil
}

// einsum joins two tensors by an equation, e.g. bhid,bhjd->bhij: the sum of their products over the letters that the
// result lacks.
func einsum(n *Node, in []*Array) (*Array, error) {
	equation := strings.ReplaceAll(n.StringOr("equation", ""), " ", "")
	left, result, _ := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != 2 || len(in) != 2 || strings.Contains(equation, ".") {
		return nil, fmt.Errorf("the equation %q is not known", equation)
	}
	lengths, letters := map[rune]int{}, result
	for i, term := range terms {
		for axis, letter := range term {
			lengths[letter] = in[i].Dims[axis]
			if !strings.ContainsRune(letters, letter) {
				letters += string(letter)
			}
		}
	}
	var dims []int
	for _, letter := range letters {
		dims = append(dims, lengths[letter])
	}
	steps := func(term string, dims []int) []int { // of each letter in a tensor
		by, own := make([]int, len(letters)), strides(dims)
		for axis, letter := range term {
			by[strings.IndexRune(letters, letter)] += own[axis]
		}
		return by
	}
	x, y := in[0].gather(dims, 0, steps(terms[0], in[0].Dims)), in[1].gather(dims, 0, steps(terms[1], in[1].Dims))
	out := NewArray(x.Type, dims[:len(result)]...)
	for i := range x.Data {
		out.Data[i*len(out.Data)/len(x.Data)] += x.Data[i] * y.Data[i]
	}
	return out, nil
}
