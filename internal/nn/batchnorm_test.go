package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

// batchNormTwin is batch norm in training, as it is written, for x [R, C].
func batchNormTwin(x, scale, shift array) (y, mean, variance array) {
	rows, channels := x.dims[0], x.dims[1]
	y, mean, variance = zeros(rows, channels), zeros(channels), zeros(channels)
	for c := range channels {
		for r := range rows {
			mean.flat[c] += x.at(0, r, c) / float64(rows)
		}
		for r := range rows {
			d := x.at(0, r, c) - mean.flat[c]
			variance.flat[c] += d * d / float64(rows)
		}
		for r := range rows {
			unit := (x.at(0, r, c) - mean.flat[c]) / math.Sqrt(variance.flat[c]+nn.BatchNormEpsilon)
			y.flat[r*channels+c] = scale.flat[c]*unit + shift.flat[c]
		}
	}
	return y, mean, variance
}

// batchNormCase is x [N, H, W, C] with what multiplies the output in a loss.
type batchNormCase struct{ x, scale, shift, slope array }

func newBatchNormCase(mean float64) batchNormCase {
	rng := rand.New(rand.NewPCG(7, 0))
	return batchNormCase{
		x:     normals(rng, mean, 3, 2, 4, 5),
		scale: normals(rng, 1, 5), shift: normals(rng, 0, 5),
		slope: normals(rng, 0, 3, 2, 4, 5),
	}
}

// train runs a training step of batch norm: y, and the gradients of
// Σ slope y for x, scale and shift.
func (c batchNormCase) train(tb testing.TB, b compute.Backend, dtype dtypes.DType) (store *model.Store, outputs []array) {
	tb.Helper()
	store = model.NewStore()
	set(store, "/bn/weight", c.scale, dtype)
	set(store, "/bn/bias", c.shift, dtype)
	outputs = run(tb, b, dtype, store, func(scope *model.Scope, in []*Node) []*Node {
		g := in[0].Graph()
		store.SetTraining(g, true)
		y := nn.BatchNorm(scope.In("bn"), in[0], nn.BatchNormOptions{})
		loss := ReduceAllSum(Mul(y, in[1]))
		scale, shift := store.GetVariable("/bn/weight"), store.GetVariable("/bn/bias")
		return append([]*Node{y}, Gradient(loss, in[0], scale.NodeValue(g), shift.NodeValue(g))...)
	}, c.x, c.slope)
	return store, outputs
}

// flat returns x [R, C].
func flat(x array) array {
	channels := x.dims[len(x.dims)-1]
	return array{[]int{len(x.flat) / channels, channels}, x.flat}
}

// loss is Σ slope y by the twin.
func (c batchNormCase) loss() float64 {
	y, _, _ := batchNormTwin(flat(c.x), c.scale, c.shift)
	sum := 0.0
	for i, v := range y.flat {
		sum += c.slope.flat[i] * v
	}
	return sum
}

// slopes returns the central differences of the twin's loss for a, which is
// part of c.
func (c batchNormCase) slopes(a array) array {
	const h = 1e-5
	d := zeros(a.dims...)
	for i, v := range a.flat {
		a.flat[i] = v + h
		high := c.loss()
		a.flat[i] = v - h
		d.flat[i] = (high - c.loss()) / (2 * h)
		a.flat[i] = v
	}
	return d
}

func TestBatchNormInTraining(t *testing.T) {
	for _, tc := range []struct {
		name      string
		dtype     dtypes.DType
		mean      float64 // of x
		tolerance float64
	}{
		{"float64", dtypes.Float64, 0, 1e-9}, // what central differences leave
		{"float32", dtypes.Float32, 0, 1e-5},
		{"float32 far from zero", dtypes.Float32, 100, 1e-4}, // x itself has errors of 4e-6
	} {
		for name, b := range backends(t) {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				c := newBatchNormCase(tc.mean)
				store, got := c.train(t, b, tc.dtype)
				y, mean, variance := batchNormTwin(flat(c.x), c.scale, c.shift)
				closeTo(t, "y", flat(got[0]), y, tc.tolerance)
				closeTo(t, "gradient of x", got[1], c.slopes(c.x), tc.tolerance)
				closeTo(t, "gradient of the scale", got[2], c.slopes(c.scale), tc.tolerance)
				closeTo(t, "gradient of the shift", got[3], c.slopes(c.shift), tc.tolerance)
				for i := range mean.flat { // one step from the start, 0 and 1
					mean.flat[i] *= 0.1
					variance.flat[i] = 0.9 + 0.1*variance.flat[i]
				}
				closeTo(t, "running mean", value(t, store, "/bn/running_mean"), mean, tc.tolerance)
				closeTo(t, "running variance", value(t, store, "/bn/running_var"), variance, tc.tolerance)
			})
		}
	}
}

func TestBatchNormInInference(t *testing.T) {
	c := newBatchNormCase(3)
	rng := rand.New(rand.NewPCG(8, 0))
	mean, variance := normals(rng, 0, 5), normals(rng, 0, 5)
	want := zeros(c.x.dims...)
	for i, x := range c.x.flat {
		k := i % 5
		variance.flat[k] = math.Abs(variance.flat[k])
		want.flat[i] = c.scale.flat[k]*(x-mean.flat[k])/math.Sqrt(variance.flat[k]+1e-5) + c.shift.flat[k]
	}
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			set(store, "/weight", c.scale, dtypes.Float32)
			set(store, "/bias", c.shift, dtypes.Float32)
			set(store, "/running_mean", mean, dtypes.Float32)
			set(store, "/running_var", variance, dtypes.Float32)
			got := run(t, b, dtypes.Float32, store, func(scope *model.Scope, in []*Node) []*Node {
				return []*Node{nn.BatchNorm(scope, in[0], nn.BatchNormOptions{})}
			}, c.x)
			closeTo(t, "y", got[0], want, 1e-6)
			closeTo(t, "running mean", value(t, store, "/running_mean"), mean, 1e-7)
		})
	}
}

func TestBatchNormOptions(t *testing.T) {
	c, store := newBatchNormCase(0), model.NewStore()
	got := run(t, goBackend(t), dtypes.Float64, store, func(scope *model.Scope, in []*Node) []*Node {
		return []*Node{nn.BatchNorm(scope, in[0], nn.BatchNormOptions{NoShift: true, ZeroScale: true})}
	}, c.x)
	closeTo(t, "y with a scale of 0", got[0], zeros(c.x.dims...), 0)
	if store.GetVariable("/bias") != nil {
		t.Error("there is a bias")
	}
	for path, trainable := range map[string]bool{"/weight": true, "/running_mean": false, "/running_var": false} {
		if v := store.GetVariable(path); v == nil || v.Trainable != trainable {
			t.Errorf("%s: got %v, want trainable %t", path, v, trainable)
		}
	}
}

// TestFrozenStatisticsAreUsedInTraining: with frozen statistics training gives what inference
// does, moves nothing, and the gradient for x is that of an affine map.
func TestFrozenStatisticsAreUsedInTraining(t *testing.T) {
	for _, b := range backends(t) {
		store := model.NewStore()
		store.RootScope().SetParam(nn.FrozenParam, func(name string) bool { return name == "running_mean" || name == "running_var" })
		set(store, "/weight", array{[]int{2}, []float64{2, 3}}, dtypes.Float32)
		set(store, "/bias", array{[]int{2}, []float64{-1, 0.5}}, dtypes.Float32)
		set(store, "/running_mean", array{[]int{2}, []float64{0.25, 4}}, dtypes.Float32)
		set(store, "/running_var", array{[]int{2}, []float64{4, 0.5}}, dtypes.Float32)
		exec, err := model.NewExec(b, store, func(scope *model.Scope, x *Node) []*Node {
			scope.Store().SetTraining(x.Graph(), true)
			y := nn.BatchNorm(scope, x, nn.BatchNormOptions{})
			return []*Node{y, Gradient(ReduceAllSum(y), x)[0]}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call([][]float32{{1, 2}, {-3, 7}, {0.5, 4}})
		if err != nil {
			t.Fatal(err)
		}
		y, gradient := out[0].Value().([][]float32), out[1].Value().([][]float32)
		for r, x := range [][]float64{{1, 2}, {-3, 7}, {0.5, 4}} {
			for c, v := range x {
				slope := []float64{2, 3}[c] / math.Sqrt([]float64{4, 0.5}[c]+nn.BatchNormEpsilon)
				want := slope*(v-[]float64{0.25, 4}[c]) + []float64{-1, 0.5}[c]
				if math.Abs(float64(y[r][c])-want) > 1e-5 || math.Abs(float64(gradient[r][c])-slope) > 1e-5 {
					t.Errorf("%s: y %g, dy/dx %g, want %g and %g", b.Name(), y[r][c], gradient[r][c], want, slope)
				}
			}
		}
		if got := value(t, store, "/running_mean").flat; got[0] != 0.25 || got[1] != 4 {
			t.Errorf("%s: the running mean has moved to %g", b.Name(), got)
		}
	}
}
