package encoder_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
)

// along returns L(t) and L'(t) in training, where L is a random linear
// function of h and every parameter has moved by t times a random direction.
func along(t *testing.T, e encoder.Encoder, side int) func(at float64) (loss, slope float64) {
	t.Helper()
	backend, store, rng := goBackend(t), model.NewStore(), rand.New(rand.NewPCG(1, 1))
	random := func(shape shapes.Shape) *tensors.Tensor {
		x := tensors.FromShape(shape)
		tensors.MustMutableFlatData(x, func(flat []float64) {
			for i := range flat {
				flat[i] = rng.NormFloat64()
			}
		})
		return x
	}
	x := shapes.Make(dtypes.Float64, 4, side, side, 3)
	e.Graph(store.RootScope(), Parameter(NewGraph(backend, "parameters"), "x", x))
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x, at *Node) (loss, slope *Node) {
		g := x.Graph()
		store.SetTraining(g, true)
		start := map[*model.Variable]*Node{}
		for v := range store.IterVariables() {
			start[v] = v.NodeValue(g)
			if v.Trainable {
				v.SetNodeValue(Add(start[v], Mul(at, ConstTensor(g, random(v.Shape())))))
			}
		}
		h := e.Graph(scope, x)
		loss = ReduceAllSum(Mul(h, ConstTensor(g, random(h.Shape()))))
		for v, w := range start {
			v.SetNodeValue(w) // leave the store as it was
		}
		return loss, Gradient(loss, at)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	images := random(x)
	return func(at float64) (loss, slope float64) {
		out, err := exec.Call(images, at)
		if err != nil {
			t.Fatal(err)
		}
		return tensors.ToScalar[float64](out[0]), tensors.ToScalar[float64](out[1])
	}
}

// TestGradient checks a whole network's gradient, strides, pooling and
// shortcuts included, against a central difference along one direction.
func TestGradient(t *testing.T) {
	for _, tc := range []struct {
		config string
		side   int
		large  bool // many million weights
	}{
		{"{name: resnet8, zero_init: false}", 16, false},
		{"{name: resnet8, zero_init: false, stem: imagenet}", 16, false},
		{"{name: resnet8, zero_init: false, stem: imagenet, pool: symmetric, shortcut: identity}", 16, false},
		{"inception_bn", 40, true}, // odd maps in 3c and 4e
		{"{name: inception_bn, stem: small}", 8, true},
		{"googlenet", 40, true},
	} {
		t.Run(tc.config, func(t *testing.T) {
			if testing.Short() && tc.large {
				t.Skip("draws many million weights")
			}
			f := along(t, newEncoder(t, tc.config), tc.side)
			const h = 1e-9 // ten million parameters move at once
			_, got := f(0)
			high, _ := f(h)
			low, _ := f(-h)
			if want := (high - low) / (2 * h); !(math.Abs(got-want) <= 1e-5*math.Abs(want)) {
				t.Errorf("slope %.9g, want %.9g", got, want)
			}
		})
	}
}
