package simd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/backend/simd"
)

// u is the largest relative error of one float32 rounding.
const u = 0x1p-24

// engine opens the engine under test.
func engine(tb testing.TB, config string) compute.Backend {
	tb.Helper()
	b, err := simd.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// portable opens GoMLX's Go backend.
func portable(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := compute.NewWithConfig("go:" + simd.Sequential)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// array is a float32 tensor in row-major order.
type array struct {
	dims []int
	flat []float32
}

func sizeOf(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// normals draws an array from N(0, 1).
func normals(r *rand.Rand, dims ...int) array {
	a := array{dims, make([]float32, sizeOf(dims))}
	for i := range a.flat {
		a.flat[i] = float32(r.NormFloat64())
	}
	return a
}

// as returns the array with elements of a float type.
func (a array) as(dtype dtypes.DType) *tensors.Tensor {
	if dtype == dtypes.Float32 {
		return tensors.FromFlatDataAndDimensions(slices.Clone(a.flat), a.dims...)
	}
	if dtype == dtypes.BFloat16 {
		half := make([]bfloat16.BFloat16, len(a.flat))
		for i, x := range a.flat {
			half[i] = bfloat16.FromFloat32(x)
		}
		return tensors.FromFlatDataAndDimensions(half, a.dims...)
	}
	double := make([]float64, len(a.flat))
	for i, x := range a.flat {
		double[i] = float64(x)
	}
	return tensors.FromFlatDataAndDimensions(double, a.dims...)
}

// program is a graph that is compiled for one backend.
type program struct{ graph *Graph }

// compileFor builds and compiles a graph of inputs of a float type.
func compileFor(b compute.Backend, dtype dtypes.DType, f func(in []*Node) []*Node, inputs ...array) (program, error) {
	g := NewGraph(b, "test")
	in := make([]*Node, len(inputs))
	for i, a := range inputs {
		in[i] = Parameter(g, "", shapes.Make(dtype, a.dims...))
	}
	return program{g}, g.Compile(f(in)...)
}

func (p program) run(dtype dtypes.DType, inputs ...array) []*tensors.Tensor {
	args := make([]any, len(inputs))
	for i, a := range inputs {
		args[i] = a.as(dtype)
	}
	return p.graph.Run(args...)
}

// run builds, compiles and runs a graph of inputs of a float type. Graph
// building panics on what does not fit.
func run(tb testing.TB, b compute.Backend, dtype dtypes.DType, f func(in []*Node) []*Node, inputs ...array) []*tensors.Tensor {
	tb.Helper()
	p, err := compileFor(b, dtype, f, inputs...)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.graph.Finalize()
	return p.run(dtype, inputs...)
}

// numbers are a tensor's elements as float64: exact for all types but int64.
func numbers(t *tensors.Tensor) []float64 {
	switch flat := t.Value(); t.DType() {
	case dtypes.Float32:
		return convert[float32](t)
	case dtypes.Float64:
		return convert[float64](t)
	case dtypes.BFloat16:
		var out []float64
		for _, x := range tensors.MustCopyFlatData[bfloat16.BFloat16](t) {
			out = append(out, x.Float64())
		}
		return out
	case dtypes.Int32:
		return convert[int32](t)
	case dtypes.Int64:
		return convert[int64](t)
	case dtypes.Bool:
		var out []float64
		for _, x := range tensors.MustCopyFlatData[bool](t) {
			if x {
				out = append(out, 1)
			} else {
				out = append(out, 0)
			}
		}
		return out
	default:
		panic(flat)
	}
}

func convert[T float32 | float64 | int32 | int64](t *tensors.Tensor) []float64 {
	flat := tensors.MustCopyFlatData[T](t)
	out := make([]float64, len(flat))
	for i, x := range flat {
		out[i] = float64(x)
	}
	return out
}

// same says whether two numbers are equal, or both NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
