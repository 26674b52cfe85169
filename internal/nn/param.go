// Package nn holds the layers that encoders and heads are made of, as graph
// functions on a model.Scope. Images are NHWC. Parameters are named and kept
// as torchvision names them, with "/" for ".", in the layouts that the graph
// wants: convolution kernels [height, width, in, out], linear weights
// [in, out].
//
// Like all graph building these functions panic on shapes that do not fit.
package nn

import (
	"hash/fnv"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/rng"
)

// SeedParam is the root parameter of a model.Store that holds the seed of its
// initial weights, a uint64; 0 if it is not set.
const SeedParam = "seed"

// FrozenParam is the root parameter of a model.Store that holds a func(name string) bool:
// whether the tensor of a dotted name is not to change in training.
const FrozenParam = "frozen"

// isFrozen says whether the scope's variable of that name is not to change.
func isFrozen(scope *model.Scope, name string) bool {
	frozen := model.GetRootParamOr(scope.Store(), FrozenParam, func(string) bool { return false })
	return frozen(dotted(scope, name))
}

// dotted is the name of the scope's variable in files.
func dotted(scope *model.Scope, name string) string {
	return strings.ReplaceAll(model.JoinPath(scope.Scope(), name)[1:], "/", ".")
}

// Init draws one initial value of a parameter.
type Init func(*rng.Stream) float64

// Constant starts every value at v and draws nothing.
func Constant(v float64) Init { return func(*rng.Stream) float64 { return v } }

// Normal draws from N(0, std²).
func Normal(std float64) Init {
	return func(s *rng.Stream) float64 { return std * s.NormFloat64() }
}

// Uniform draws from [-limit, limit), whose standard deviation is limit/√3.
func Uniform(limit float64) Init {
	return func(s *rng.Stream) float64 { return limit * (2*s.Float64() - 1) }
}

// truncatedStd is the standard deviation of N(0, 1) truncated at ±2.
const truncatedStd = 0.87962566103423978

// FanIn is TensorFlow's variance scaling with scale 1, which the authors of
// SimCLR use for convolutions: a normal distribution truncated at two of its
// standard deviations, whose variance after the truncation is 1/fanIn.
// (PyTorch ports use He's factor 2.)
func FanIn(fanIn int) Init {
	std := 1 / math.Sqrt(float64(fanIn)) / truncatedStd
	return func(s *rng.Stream) float64 {
		for {
			if x := s.NormFloat64(); math.Abs(x) < 2 {
				return std * x
			}
		}
	}
}

// Param returns the scope's variable of that name. One that does not
// exist yet is created, trainable, with values drawn on the host, so that every backend
// starts from the same ones: from the stream keyed by the store's seed and
// the parameter's dotted name. A frozen one is not trainable, one that others have made so stays it.
// It panics if the variable exists with another shape.
func Param(scope *model.Scope, name string, shape shapes.Shape, init Init) *model.Variable {
	var v *model.Variable
	if scope.GetVariable(name) != nil {
		v = scope.VariableWithShape(name, shape)
	} else {
		seed := model.GetRootParamOr(scope.Store(), SeedParam, uint64(0))
		stream := rng.New(rng.Init, seed, hash(dotted(scope, name)))
		v = scope.VariableWithValue(name, draw(shape, init, stream))
	}
	if isFrozen(scope, name) {
		v.SetTrainable(false)
	}
	return v
}

// statistic returns the scope's variable of that name that no gradient
// changes, created with every value v.
func statistic(scope *model.Scope, name string, shape shapes.Shape, v float64) *model.Variable {
	return Param(scope, name, shape, Constant(v)).SetTrainable(false)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// draw returns a tensor with values drawn in row-major order.
func draw(shape shapes.Shape, init Init, stream *rng.Stream) *tensors.Tensor {
	t := tensors.FromShape(shape)
	if shape.DType == dtypes.Float64 {
		tensors.MustMutableFlatData(t, func(flat []float64) {
			for i := range flat {
				flat[i] = init(stream)
			}
		})
		return t
	}
	tensors.MustMutableFlatData(t, func(flat []float32) {
		for i := range flat {
			flat[i] = float32(init(stream))
		}
	})
	return t
}
