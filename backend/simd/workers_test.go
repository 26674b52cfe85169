package simd_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
	"alike/head"
	"alike/loss"
	"alike/optimize"
)

// train makes steps of a SimCLR training in a type, as package train does, and returns the
// bits of what each reports and of all that is kept at the end, by name.
func train(t *testing.T, b compute.Backend, dtype dtypes.DType, optimizer string, steps int) map[string][]uint32 {
	t.Helper()
	const pairs = 5
	e, err := encoder.Encoders.Default("resnet8")
	if err != nil {
		t.Fatal(err)
	}
	h, err := head.Heads.Default("mlp")
	if err != nil {
		t.Fatal(err)
	}
	opt, err := optimize.Optimizers.Default(optimizer)
	if err != nil {
		t.Fatal(err)
	}
	l := &loss.NTXent{Temperature: 0.5, L2Normalize: true}
	store := model.NewStore()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x, lr *Node) []*Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		z := h.Graph(scope.In("head"), e.Graph(scope, ConvertDType(x, dtype)))
		positive := loss.ViewPositives(g, pairs, 2)
		v := l.Graph(loss.Batch{Z: z, Positive: positive})
		opt.Update(scope, lr, optimize.Gradients(scope, v))
		return []*Node{v, loss.ContrastiveAccuracy(z, positive)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	bits := map[string][]uint32{}
	for step := range steps {
		x := normals(rand.New(rand.NewPCG(uint64(step), 0)), 2*pairs, 32, 32, 3)
		out, err := exec.Call(x.as(dtypes.Float32), float32(0.1))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			bits[fmt.Sprintf("step %d: output %d", step, i)] = bitsOf(o)
		}
	}
	for v := range store.IterVariables() {
		if v.DType() == dtypes.Float32 {
			bits[v.Path()] = bitsOf(v.MustValue())
		}
	}
	return bits
}

func bitsOf(t *tensors.Tensor) []uint32 {
	var bits []uint32
	for _, x := range tensors.MustCopyFlatData[float32](t) {
		bits = append(bits, math.Float32bits(x))
	}
	return bits
}

func TestTrainingDoesNotDependOnWorkers(t *testing.T) {
	for _, tc := range []struct {
		optimizer string
		dtype     dtypes.DType
		workers   []int
	}{
		{"lars", dtypes.Float32, []int{2, 3, 5, 7, 1}}, // 1 again: nor on when
		{"sgd", dtypes.Float32, []int{2, 3, 5, 7, 1}},
		{"adamw", dtypes.BFloat16, []int{2, 3, 7}},
	} {
		if testing.Short() {
			tc.workers = tc.workers[1:2]
		}
		want := train(t, engine(t, "workers=1"), tc.dtype, tc.optimizer, 3)
		if len(want) < 30 {
			t.Fatalf("only %d tensors are compared", len(want))
		}
		for _, workers := range tc.workers {
			got := train(t, engine(t, fmt.Sprint("workers=", workers)), tc.dtype, tc.optimizer, 3)
			for name := range want {
				if !slices.Equal(got[name], want[name]) {
					t.Errorf("%s: %d workers: %s has other bits than with one", tc.optimizer, workers, name)
				}
			}
		}
	}
}

// TestTrainingAgreesBetweenLevels compares a loss only: bits may depend on the
// instruction set.
func TestTrainingAgreesBetweenLevels(t *testing.T) {
	var want []uint32
	for _, level := range []string{"generic", "avx2", "avx512"} {
		b, err := compute.NewWithConfig("simd:level=" + level)
		if err != nil {
			t.Log(err)
			continue
		}
		defer b.Finalize()
		got := train(t, b, dtypes.Float32, "sgd", 1)["step 0: output 0"]
		if want == nil {
			want = got
		}
		x, y := math.Float32frombits(got[0]), math.Float32frombits(want[0])
		if !(math.Abs(float64(x-y)) < 1e-4) {
			t.Errorf("%s: loss %g, in generic Go %g", level, x, y)
		}
	}
}
