package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Scaling is how a Resize makes one axis longer or shorter.
type Scaling struct {
	From, To int
	Scale    float64 // To over From, before it is rounded
}

// Scalings reads of each axis of dims how long it becomes, from the scales or the sizes.
func Scalings(n *Node, dims []int, scales, sizes *Array) ([]Scaling, error) {
	if policy := n.StringOr("keep_aspect_ratio_policy", "stretch"); policy != "stretch" {
		return nil, fmt.Errorf("the policy %s is not known", policy)
	}
	list := make([]Scaling, len(dims))
	for i, d := range dims {
		list[i] = Scaling{d, d, 1}
	}
	on, err := n.Axes(nil, len(dims))
	if err != nil {
		return nil, err
	}
	if n.Attribute("axes") == nil {
		for i := range dims {
			on = append(on, i)
		}
	}
	given := sizes
	if given == nil || len(given.Data) == 0 {
		given = scales
	}
	if given == nil || len(given.Data) != len(on) {
		return nil, errors.New("it has neither sizes nor scales for its axes")
	}
	for i, axis := range on {
		s := &list[axis]
		if given == sizes {
			s.To = int(given.Data[i])
			s.Scale = float64(s.To) / float64(s.From)
		} else {
			s.Scale = given.Data[i]
			s.To = int(math.Floor(float64(s.From) * s.Scale))
		}
		if !(s.Scale > 0) || s.To < 1 || s.To > 1<<20 || s.From < 1 {
			return nil, fmt.Errorf("%d values do not become %d", s.From, s.To)
		}
	}
	return list, nil
}

// Weights are the shares that input places have in each output place: [To][From], most of them 0. Output place i has its
// centre at c in the input, by the coordinate_transformation_mode. nearest takes the place that nearest_mode says;
// linear and cubic take place j with weight k((j - c)/a), scaled to a sum of 1 where weights are left out, where
// a is 1, or with antialias max(1, 1/scale). Places beyond the border repeat the border's, or with exclude_outside
// count for nothing.
func (s Scaling) Weights(n *Node) ([][]float64, error) {
	kernel, radius := func(x float64) float64 { return math.Max(0, 1-math.Abs(x)) }, 1.0
	mode := n.StringOr("mode", "nearest")
	switch mode {
	case "nearest", "linear", "bilinear":
	case "cubic":
		a := n.FloatOr("cubic_coeff_a", -0.75)
		kernel, radius = func(x float64) float64 {
			switch x = math.Abs(x); {
			case x < 1:
				return ((a+2)*x-(a+3))*x*x + 1
			case x < 2:
				return ((a*x-5*a)*x+8*a)*x - 4*a
			}
			return 0
		}, 2
	default:
		return nil, fmt.Errorf("the mode %s is not known", mode)
	}
	reach, inside := 1.0, n.IntOr("exclude_outside", 0) != 0
	if n.IntOr("antialias", 0) != 0 {
		reach = math.Max(1, 1/s.Scale)
	}
	rows := make([][]float64, s.To)
	for i := range rows {
		rows[i] = make([]float64, s.From)
		c, err := s.centre(n, i)
		if err != nil {
			return nil, err
		}
		if mode == "nearest" {
			j, err := s.nearest(n, c)
			if err != nil {
				return nil, err
			}
			rows[i][min(max(j, 0), s.From-1)] = 1
			continue
		}
		sum := 0.0
		for j := int(math.Floor(c - radius*reach)); float64(j) <= c+radius*reach; j++ {
			if w := kernel((float64(j) - c) / reach); w != 0 && !(inside && (j < 0 || j >= s.From)) {
				rows[i][min(max(j, 0), s.From-1)] += w
				sum += w
			}
		}
		for j := range rows[i] {
			rows[i][j] /= sum
		}
	}
	return rows, nil
}

// centre is where output place i lies in the input.
func (s Scaling) centre(n *Node, i int) (float64, error) {
	x := float64(i)
	absent := "half_pixel"
	if n.IntOr(oldResize, 0) != 0 {
		absent = "asymmetric"
	}
	switch mode := n.StringOr("coordinate_transformation_mode", absent); mode {
	case "half_pixel":
		return (x+0.5)/s.Scale - 0.5, nil
	case "pytorch_half_pixel":
		if s.To == 1 {
			return 0, nil
		}
		return (x+0.5)/s.Scale - 0.5, nil
	case "asymmetric":
		return x / s.Scale, nil
	case "align_corners":
		if s.To == 1 {
			return 0, nil
		}
		return x * float64(s.From-1) / float64(s.To-1), nil
	default:
		return 0, fmt.Errorf("the mode %s is not known", mode)
	}
}

// nearest is the place that a centre falls to. What that is was not said before version 11; it is onnxruntime's.
func (s Scaling) nearest(n *Node, c float64) (int, error) {
	absent := "round_prefer_floor"
	switch old := n.IntOr(oldResize, 0) != 0; {
	case old && s.Scale < 1:
		absent = "ceil"
	case old:
		absent = "floor"
	}
	switch mode := n.StringOr("nearest_mode", absent); mode {
	case "round_prefer_floor":
		return int(math.Ceil(c - 0.5)), nil
	case "round_prefer_ceil":
		return int(math.Floor(c + 0.5)), nil
	case "floor":
		return int(math.Floor(c)), nil
	case "ceil":
		return int(math.Ceil(c)), nil
	default:
		return 0, fmt.Errorf("the mode %s is not known", mode)
	}
}

// ResizeInputs are the scales and the sizes among the inputs of a Resize or Upsample, of any version.
func ResizeInputs[T any](in []T) (scales, sizes int) {
	if len(in) == 2 {
		return 1, -1
	}
	return 2, 3
}

// resize makes axes longer or shorter, one after the other.
func resize(n *Node, in []*Array) (*Array, error) {
	atScales, atSizes := ResizeInputs(in)
	var sizes *Array
	if atSizes > 0 {
		sizes = input(in, atSizes)
	}
	list, err := Scalings(n, in[0].Dims, input(in, atScales), sizes)
	if err != nil {
		return nil, err
	}
	x := in[0].As(in[0].Type)
	for axis, s := range list {
		if s.From == s.To && s.Scale == 1 {
			continue
		}
		weights, err := s.Weights(n)
		if err != nil {
			return nil, err
		}
		x = x.resizeAxis(axis, weights)
	}
	return x, nil
}

func (a *Array) resizeAxis(axis int, weights [][]float64) *Array {
	dims := slices.Clone(a.Dims)
	from, to := dims[axis], len(weights)
	dims[axis] = to
	y := NewArray(a.Type, dims...)
	inner := strides(dims)[axis]
	for i, row := range weights {
		for outer := range len(a.Data) / (from * inner) {
			out := y.Data[(outer*to+i)*inner:][:inner]
			for j, w := range row {
				if w == 0 {
					continue
				}
				for p, v := range a.Data[(outer*from+j)*inner:][:inner] {
					out[p] += w * v
				}
			}
		}
	}
	return y
}
