package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

// TestBFloat16KeepsParametersWide compares a small network in bfloat16 with the same in
// float32: the output, the gradients of all parameters and the running statistics agree
// within what rounding to 8 bits makes of them.
func TestBFloat16KeepsParametersWide(t *testing.T) {
	run := func(dtype dtypes.DType) map[string][]float32 {
		store := model.NewStore()
		names := []string{"output"}
		exec, err := model.NewExec(goBackend(t), store, func(scope *model.Scope, x *Node) []*Node {
			scope.Store().SetTraining(x.Graph(), true)
			y := ConvertDType(x, dtype)
			for i := range 2 {
				s := scope.In("block%d", i)
				y = nn.ReLU(nn.BatchNorm(s.In("bn"), nn.Conv(s, y, 8, 3, 1), nn.BatchNormOptions{}))
			}
			y = nn.AvgPool2D(nn.MaxPool2D(y, 3, 2, nn.Same), 3)
			h := nn.Linear(scope.In("linear"), nn.GlobalAvgPool(y), 4, true, nn.Normal(1))
			if h.DType() != dtypes.Float32 {
				t.Errorf("in %s the mean over pixels is %s", dtype, h.DType())
			}
			loss := ReduceAllSum(Square(h))
			outputs, parameters := []*Node{h}, []*Node{}
			for v := range store.IterVariables() {
				if v.Shape().DType != dtypes.Float32 {
					t.Errorf("in %s parameter %s is kept in %s", dtype, v.Path(), v.Shape().DType)
				}
				if v.Trainable {
					names, parameters = append(names, v.Path()), append(parameters, v.NodeValue(x))
				}
			}
			return append(outputs, Gradient(loss, parameters...)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		pixels := make([]float32, 32*8*8*3)
		draws := rand.New(rand.NewPCG(1, 2))
		for i := range pixels {
			pixels[i] = draws.Float32()
		}
		outputs, err := exec.Call(tensors.FromFlatDataAndDimensions(pixels, 32, 8, 8, 3))
		if err != nil {
			t.Fatal(err)
		}
		values := map[string][]float32{}
		for i, o := range outputs {
			values[names[i]] = tensors.MustCopyFlatData[float32](o)
		}
		for v := range store.IterVariables() {
			if !v.Trainable && v.Shape().DType == dtypes.Float32 {
				values[v.Path()] = tensors.MustCopyFlatData[float32](v.MustValue())
			}
		}
		return values
	}
	want, got := run(dtypes.Float32), run(dtypes.BFloat16)
	if len(want) != 1+2*5+2 {
		t.Errorf("compared %d tensors", len(want))
	}
	for name, w := range want {
		var difference, size float64
		for i, x := range w {
			difference += math.Pow(float64(got[name][i]-x), 2)
			size += math.Pow(float64(x), 2)
		}
		// Each tensor on the way is off by 2^-9 of itself, maxima and ReLU choose otherwise where
		// values are that near, and batch norm magnifies what it centres.
		if relative := math.Sqrt(difference / size); !(relative < 0.06) {
			t.Errorf("%s: relative difference %.3g", name, relative)
		} else if relative == 0 && name == "output" {
			t.Error("the output is that of float32")
		}
	}
}
