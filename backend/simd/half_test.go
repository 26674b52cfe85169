package simd_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/backend/simd"
	"alike/encoder"
	"alike/internal/kernel/cpu"
	"alike/optimize"
)

// gradients are those of the sum of squares of a ResNet-8's output for random
// images, with the output first, computed in a type.
func gradients(t *testing.T, b compute.Backend, dtype dtypes.DType, stem string) (names []string, values [][]float64) {
	t.Helper()
	e, err := encoder.Encoders.Default("resnet8")
	if err != nil {
		t.Fatal(err)
	}
	r := e.(*encoder.ResNet)
	r.Stem, r.ZeroInit = stem, false
	exec, err := model.NewExec(b, model.NewStore(), func(scope *model.Scope, x *Node) []*Node {
		scope.Store().SetTraining(x.Graph(), true)
		h := e.Graph(scope, ConvertDType(x, dtype))
		outputs := []*Node{h}
		names = []string{"output"}
		for _, p := range optimize.Gradients(scope, ReduceAllSum(Square(h))) {
			names, outputs = append(names, p.Variable.Path()), append(outputs, p.Gradient)
		}
		return outputs
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(normals(rand.New(rand.NewPCG(5, 6)), 24, 24, 24, 3).as(dtypes.Float32))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		values = append(values, convert[float32](o))
	}
	return names, values
}

// distance is |got - want| / |want|.
func distance(got, want []float64) float64 {
	var difference, size float64
	for j, w := range want {
		difference, size = difference+(got[j]-w)*(got[j]-w), size+w*w
	}
	return math.Sqrt(difference / size)
}

// TestHalfGradients compares networks of mixed precision with the same in float32,
// for all that multiplies bfloat16: the gradient of each parameter is as near as
// on the Go backend, which rounds more often, and nothing large is left to that.
func TestHalfGradients(t *testing.T) {
	for _, stem := range []string{encoder.StemCIFAR, encoder.StemImageNet} {
		_, want := gradients(t, engine(t, ""), dtypes.Float32, stem)
		_, control := gradients(t, portable(t), dtypes.BFloat16, stem)
		for _, u := range cpu.BF16Units() {
			t.Run(fmt.Sprintf("%s/%v", stem, u), func(t *testing.T) {
				b := engine(t, fmt.Sprintf("bf16=%v", u)).(*simd.Backend)
				b.StartProfile()
				names, got := gradients(t, b, dtypes.BFloat16, stem)
				for _, op := range b.Profile() {
					if strings.HasPrefix(op.Name, "portable") && !strings.Contains(op.Name, "Iota") {
						t.Errorf("%s of %s is left to the Go backend", op.Name, op.Shape)
					}
				}
				for i := range want {
					if d, limit := distance(got[i], want[i]), 1.5*distance(control[i], want[i])+0.02; !(d < limit) || d == 0 && i == 0 {
						t.Errorf("%s: relative difference %.3g, want less than %.3g", names[i], d, limit)
					}
				}
			})
		}
	}
}

// TestHalfOutputs has what is usually folded away read from outside: statistics,
// conversions, gradients in bfloat16.
func TestHalfOutputs(t *testing.T) {
	graph := func(in []*Node) []*Node {
		x, w, scale, offset := in[0], in[1], ConvertDType(in[2], dtypes.Float32), ConvertDType(in[3], dtypes.Float32)
		y := Convolve(x, w).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
		wide := ConvertDType(y, dtypes.Float32)
		z, mean, variance := InternalBatchNormForTraining(wide, scale, offset, 1e-5, -1)
		half := ConvertDType(z, dtypes.BFloat16)
		loss := ReduceAllSum(Square(ConvertDType(half, dtypes.Float32)))
		return append([]*Node{y, wide, z, mean, variance, half, AddScalar(half, 1)}, Gradient(loss, x, w, in[2])...)
	}
	r := rand.New(rand.NewPCG(7, 8))
	inputs := []array{normals(r, 3, 5, 6, 5), normals(r, 3, 3, 5, 7), normals(r, 7), normals(r, 7)}
	for i := range inputs { // the same numbers in both types
		inputs[i].flat = tensors.MustCopyFlatData[float32](run(t, portable(t), dtypes.BFloat16, func(in []*Node) []*Node { return []*Node{ConvertDType(in[0], dtypes.Float32)} }, inputs[i])[0])
	}
	got := run(t, engine(t, "workers=3"), dtypes.BFloat16, graph, inputs...)
	want := run(t, engine(t, "workers=3"), dtypes.Float32, func(in []*Node) []*Node {
		y := Convolve(in[0], in[1]).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
		z, mean, variance := InternalBatchNormForTraining(y, in[2], in[3], 1e-5, -1)
		return append([]*Node{y, y, z, mean, variance, z, AddScalar(z, 1)}, Gradient(ReduceAllSum(Square(z)), in[0], in[1], in[2])...)
	}, inputs...)
	for i := range want {
		g, w := numbers(got[i]), numbers(want[i])
		size := 0.0
		for _, v := range w {
			size = max(size, math.Abs(v))
		}
		if i == 7 || i == 8 { // sums of what cancels: the gradient before batch norm is 0 but for rounding
			size = max(size, 10)
		}
		near(t, fmt.Sprint("output ", i), g, w, 0x1p-6*max(1, size))
	}
}
