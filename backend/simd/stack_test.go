package simd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/backend/simd"
)

// sameAsPortable compares a program with the Go backend in float64, and asks that a step of that name computes it.
func sameAsPortable(t *testing.T, step string, graph func(in []*Node) []*Node, in ...array) {
	t.Helper()
	b := engine(t, "").(*simd.Backend)
	b.StartProfile()
	got := numbers(run(t, b, dtypes.Float32, graph, in...)[0])
	var steps []string
	for _, o := range b.Profile() {
		steps = append(steps, o.Name)
	}
	if !slices.Contains(steps, step) {
		t.Errorf("the steps are %s, want one of %s", strings.Join(steps, ", "), step)
	}
	want := numbers(run(t, portable(t), dtypes.Float64, graph, in...)[0])
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 1e-5*(1+math.Abs(w))) {
			t.Fatalf("value %d is %g, want %g", i, got[i], w)
		}
	}
}

func drawn(r *rand.Rand, dims ...int) array {
	size := 1
	for _, d := range dims {
		size *= d
	}
	a := array{dims, make([]float32, size)}
	for i := range a.flat {
		a.flat[i] = float32(r.NormFloat64())
	}
	return a
}

// TestStacksOfMatrices multiplies them with their axes in every order.
func TestStacksOfMatrices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const batch, heads, m, k, n = 2, 3, 5, 20, 17
	for range 60 {
		left, right := r.Perm(4), r.Perm(4) // where batch, head, free and summed axes lie
		if max(left[2], left[3]) != 3 || max(right[2], right[3]) != 3 {
			continue // a matrix without rows is the Go backend's
		}
		shape := func(at []int, free int) []int {
			dims := make([]int, 4)
			dims[at[0]], dims[at[1]], dims[at[2]], dims[at[3]] = batch, heads, free, k
			return dims
		}
		sameAsPortable(t, "products", func(in []*Node) []*Node {
			return []*Node{DotGeneral(in[0], []int{left[3]}, []int{left[0], left[1]}, in[1], []int{right[3]}, []int{right[0], right[1]})}
		}, drawn(r, shape(left, m)...), drawn(r, shape(right, n)...))
	}
}

func TestDepthwiseConvolutions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		channels         int
		kernel           [2]int
		strides, dilated []int
		pads             [][2]int
	}{
		{24, [2]int{3, 3}, []int{1, 1}, nil, [][2]int{{1, 1}, {1, 1}}},
		{17, [2]int{5, 3}, []int{2, 1}, []int{1, 2}, [][2]int{{2, 1}, {0, 3}}},
		{70, [2]int{7, 7}, []int{1, 1}, nil, [][2]int{{3, 3}, {3, 3}}},
	} {
		axes := compute.ConvolveAxesConfig{
			InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3, KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
			OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
		}
		sameAsPortable(t, "depthwise convolution", func(in []*Node) []*Node {
			return []*Node{ConvGeneral(in[0], in[1], axes, c.strides, c.pads, nil, c.dilated, c.channels, 1)}
		}, drawn(r, 2, 9, 8, c.channels), drawn(r, c.kernel[0], c.kernel[1], 1, c.channels))
	}
}

func TestSlicesAndConcatenations(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x, y := drawn(r, 3, 7, 5), drawn(r, 3, 2, 5)
	for _, spec := range [][]SliceAxisSpec{
		{AxisRange(1, 3), AxisRange(), AxisRange(2, 4)}, {AxisRange(), AxisRange(1, 7).Stride(2), AxisRange()}, {AxisRange(), AxisRange(), AxisRange(0, 5).Stride(3)},
	} {
		sameAsPortable(t, "slice", func(in []*Node) []*Node { return []*Node{Slice(in[0], spec...)} }, x)
	}
	sameAsPortable(t, "concatenation", func(in []*Node) []*Node { return []*Node{Concatenate([]*Node{in[0], in[1], in[0]}, 1)} }, x, y)
	sameAsPortable(t, "concatenation", func(in []*Node) []*Node { return []*Node{Concatenate([]*Node{in[0], in[0]}, 0)} }, x)
	sameAsPortable(t, "concatenation", func(in []*Node) []*Node { return []*Node{Concatenate([]*Node{in[0], in[0]}, 2)} }, x)
}
