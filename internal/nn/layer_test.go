package nn_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

// convTwin is the convolution's plain loop, padded by (kernel-1)/2.
func convTwin(x, w array, stride int) array {
	k, out := w.dims[0], w.dims[3]
	pad := (k - 1) / 2
	y := zeros(x.dims[0], (x.dims[1]+stride-1)/stride, (x.dims[2]+stride-1)/stride, out)
	each(y.dims, func(i int, at []int) {
		for dy := range k {
			for dx := range k {
				for c := range x.dims[3] {
					y.flat[i] += x.at(0, at[0], at[1]*stride+dy-pad, at[2]*stride+dx-pad, c) * w.at(0, dy, dx, c, at[3])
				}
			}
		}
	})
	return y
}

// each calls f with every offset and index of a tensor.
func each(dims []int, f func(offset int, index []int)) {
	index := make([]int, len(dims))
	for offset := 0; ; offset++ {
		f(offset, index)
		axis := len(dims) - 1
		for ; axis >= 0 && index[axis] == dims[axis]-1; axis-- {
			index[axis] = 0
		}
		if axis < 0 {
			return
		}
		index[axis]++
	}
}

func TestConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, kernel := range []int{1, 3, 7} {
		for _, stride := range []int{1, 2} {
			for _, side := range []int{8, 9} {
				t.Run(fmt.Sprintf("kernel=%d/stride=%d/side=%d", kernel, stride, side), func(t *testing.T) {
					x, w, store := normals(rng, 0, 2, side, side, 3), normals(rng, 0, kernel, kernel, 3, 4), model.NewStore()
					set(store, "/conv/weight", w, dtypes.Float64)
					got := run(t, goBackend(t), dtypes.Float64, store, func(scope *model.Scope, in []*Node) []*Node {
						return []*Node{nn.Conv(scope.In("conv"), in[0], 4, kernel, stride)}
					}, x)
					closeTo(t, "y", got[0], convTwin(x, w, stride), 1e-13)
				})
			}
		}
	}
}

func TestMaxPool2D(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, tc := range []struct {
		name    string
		padding nn.Padding
		side    int
		before  int // pixels added above and left
		windows int
	}{
		{"TensorFlow's SAME on an even side adds none above", nn.Same, 8, 0, 4},
		{"TensorFlow's SAME on an odd side adds one on each side", nn.Same, 9, 1, 5},
		{"torchvision's adds one on each side", nn.Symmetric, 8, 1, 4},
		{"Caffe's last window hangs over an even side", nn.RoundUp, 8, 0, 4},
		{"Caffe's fits an odd side", nn.RoundUp, 9, 0, 4},
		{"Caffe's on a side below the window is one window", nn.RoundUp, 2, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := normals(rng, -5, 2, tc.side, tc.side, 3) // negative: padding must not count as 0
			got := run(t, goBackend(t), dtypes.Float64, model.NewStore(), func(_ *model.Scope, in []*Node) []*Node {
				return []*Node{nn.MaxPool2D(in[0], 3, 2, tc.padding)}
			}, x)
			want := zeros(2, tc.windows, tc.windows, 3)
			each(want.dims, func(i int, at []int) {
				want.flat[i] = math.Inf(-1)
				for d := range 9 {
					v := x.at(math.Inf(-1), at[0], 2*at[1]+d/3-tc.before, 2*at[2]+d%3-tc.before, at[3])
					want.flat[i] = max(want.flat[i], v)
				}
			})
			closeTo(t, "y", got[0], want, 0)
		})
	}
}

// avgPoolTwin is Caffe's average of 3x3 windows of stride 1 and padding 1: each
// sum is over the pixels inside, each divisor 9.
func avgPoolTwin(x array) array {
	y := zeros(x.dims...)
	each(y.dims, func(i int, at []int) {
		for d := range 9 {
			y.flat[i] += x.at(0, at[0], at[1]+d/3-1, at[2]+d%3-1, at[3]) / 9
		}
	})
	return y
}

// TestAvgPool2D needs no difference quotients: the average is linear and its
// own adjoint, so its gradient is the average of what arrives.
func TestAvgPool2D(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, side := range []int{1, 2, 7} {
		x, slope := normals(rng, 0, 2, side, side+1, 3), normals(rng, 0, 2, side, side+1, 3)
		got := run(t, goBackend(t), dtypes.Float64, model.NewStore(), func(_ *model.Scope, in []*Node) []*Node {
			y := nn.AvgPool2D(in[0], 3)
			return []*Node{y, Gradient(ReduceAllSum(Mul(y, in[1])), in[0])[0]}
		}, x, slope)
		closeTo(t, "y", got[0], avgPoolTwin(x), 1e-14)
		closeTo(t, "gradient", got[1], avgPoolTwin(slope), 1e-14)
	}
}

func TestBias(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	x, b, store := normals(rng, 0, 2, 3, 2, 4), normals(rng, 0, 4), model.NewStore()
	set(store, "/bias", b, dtypes.Float64)
	got := run(t, goBackend(t), dtypes.Float64, store, func(scope *model.Scope, in []*Node) []*Node {
		return []*Node{nn.Bias(scope, in[0], nn.Constant(0))}
	}, x)
	want := zeros(x.dims...)
	each(want.dims, func(i int, at []int) { want.flat[i] = x.flat[i] + b.flat[at[3]] })
	closeTo(t, "y", got[0], want, 0)
}

func TestLinear(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	x, w, b, store := normals(rng, 0, 4, 3), normals(rng, 0, 3, 2), normals(rng, 0, 2), model.NewStore()
	set(store, "/weight", w, dtypes.Float64)
	set(store, "/bias", b, dtypes.Float64)
	got := run(t, goBackend(t), dtypes.Float64, store, func(scope *model.Scope, in []*Node) []*Node {
		return []*Node{nn.Linear(scope, in[0], 2, true, nn.Normal(1))}
	}, x)
	want := zeros(4, 2)
	each(want.dims, func(i int, at []int) {
		want.flat[i] = b.flat[at[1]]
		for k := range 3 {
			want.flat[i] += x.at(0, at[0], k) * w.at(0, k, at[1])
		}
	})
	closeTo(t, "y", got[0], want, 1e-14)
}

func TestReLU(t *testing.T) {
	x := array{[]int{5}, []float64{-2, -0.5, 0, 0.5, 2}}
	got := run(t, goBackend(t), dtypes.Float64, model.NewStore(), func(_ *model.Scope, in []*Node) []*Node {
		y := nn.ReLU(in[0])
		return []*Node{y, Gradient(ReduceAllSum(y), in[0])[0]}
	}, x)
	closeTo(t, "y", got[0], array{[]int{5}, []float64{0, 0, 0, 0.5, 2}}, 0)
	closeTo(t, "gradient", got[1], array{[]int{5}, []float64{0, 0, 0, 1, 1}}, 0)
}

func TestGlobalAvgPool(t *testing.T) {
	x := array{[]int{1, 2, 2, 2}, []float64{1, 10, 2, 20, 3, 30, 4, 40}}
	got := run(t, goBackend(t), dtypes.Float64, model.NewStore(), func(_ *model.Scope, in []*Node) []*Node {
		return []*Node{nn.GlobalAvgPool(in[0])}
	}, x)
	closeTo(t, "y", got[0], array{[]int{1, 2}, []float64{2.5, 25}}, 0)
}
