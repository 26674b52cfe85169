package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// array is a float64 tensor in row-major order.
type array struct {
	dims []int
	flat []float64
}

func zeros(dims ...int) array {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return array{dims, make([]float64, n)}
}

// normals draws an array from N(mean, 1).
func normals(rng *rand.Rand, mean float64, dims ...int) array {
	a := zeros(dims...)
	for i := range a.flat {
		a.flat[i] = mean + rng.NormFloat64()
	}
	return a
}

// at returns the element, or outside if an index lies outside.
func (a array) at(outside float64, index ...int) float64 {
	offset := 0
	for axis, i := range index {
		if i < 0 || i >= a.dims[axis] {
			return outside
		}
		offset = offset*a.dims[axis] + i
	}
	return a.flat[offset]
}

func (a array) tensor(dtype dtypes.DType) *tensors.Tensor {
	if dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(slices.Clone(a.flat), a.dims...)
	}
	single := make([]float32, len(a.flat))
	for i, x := range a.flat {
		single[i] = float32(x)
	}
	return tensors.FromFlatDataAndDimensions(single, a.dims...)
}

func goBackend(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// run returns the outputs of f for inputs of that float type, as float64.
func run(tb testing.TB, b compute.Backend, dtype dtypes.DType, store *model.Store, f func(scope *model.Scope, in []*Node) []*Node, inputs ...array) []array {
	tb.Helper()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
		outputs := f(scope, in)
		for i, o := range outputs {
			outputs[i] = ConvertDType(o, dtypes.Float64)
		}
		return outputs
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer exec.Finalize()
	var args []any
	for _, in := range inputs {
		args = append(args, in.tensor(dtype))
	}
	results, err := exec.Call(args...)
	if err != nil {
		tb.Fatal(err)
	}
	var outputs []array
	for _, r := range results {
		outputs = append(outputs, array{r.Shape().Dimensions, tensors.MustCopyFlatData[float64](r)})
	}
	return outputs
}

// closeTo fails unless got is want up to tolerance times the largest |want|
// (and at least times 1e-3).
func closeTo(tb testing.TB, what string, got, want array, tolerance float64) {
	tb.Helper()
	if !slices.Equal(got.dims, want.dims) {
		tb.Errorf("%s: shape %v, want %v", what, got.dims, want.dims)
		return
	}
	size := 1e-3
	for _, x := range want.flat {
		size = max(size, math.Abs(x))
	}
	for i := range want.flat {
		if !(math.Abs(got.flat[i]-want.flat[i]) <= tolerance*size) {
			tb.Errorf("%s: element %d is %.12g, want %.12g (of %.3g at most)", what, i, got.flat[i], want.flat[i], size)
			return
		}
	}
}

// value returns a variable as an array.
func value(tb testing.TB, store *model.Store, path string) array {
	tb.Helper()
	v := store.GetVariable(path)
	if v == nil {
		tb.Fatalf("no variable %s", path)
	}
	if v.DType() == dtypes.Float64 {
		return array{v.Shape().Dimensions, tensors.MustCopyFlatData[float64](v.MustValue())}
	}
	var flat []float64
	for _, x := range tensors.MustCopyFlatData[float32](v.MustValue()) {
		flat = append(flat, float64(x))
	}
	return array{v.Shape().Dimensions, flat}
}

// set gives a store's variable a value.
func set(store *model.Store, path string, a array, dtype dtypes.DType) {
	store.VariableWithValue(path, a.tensor(dtype))
}

// backends are those that layers are checked on.
func backends(tb testing.TB) map[string]compute.Backend {
	return map[string]compute.Backend{"go": goBackend(tb)}
}
