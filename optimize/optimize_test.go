package optimize_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"

	"alike/internal/nn"
	"alike/optimize"
)

// bench runs an optimiser on given gradients.
type bench struct {
	t     *testing.T
	store *model.Store
	exec  *model.Exec
	names []string // paths of the parameters
}

// parameter is a tensor to optimise, flat.
type parameter struct {
	name   string
	values []float64
	skip   bool
	lr     float64 // multiplies the rate
}

func newBench(t *testing.T, o optimize.Optimizer, dtype dtypes.DType, parameters []parameter) *bench {
	t.Helper()
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Finalize)
	b := &bench{t: t, store: model.NewStore()}
	for _, p := range parameters {
		b.names = append(b.names, "/"+p.name)
		b.store.VariableWithValue("/"+p.name, tensor(dtype, p.values))
	}
	b.exec, err = model.NewExec(backend, b.store, func(scope *model.Scope, inputs []*Node) *Node {
		var ps []optimize.Param
		for i, p := range parameters {
			ps = append(ps, optimize.Param{
				Variable: b.store.GetVariable("/" + p.name),
				Gradient: ConvertDType(inputs[1+i], dtype),
				Skip:     p.skip,
				LR:       p.lr,
			})
		}
		o.Update(scope, inputs[0], ps)
		return inputs[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// step makes one update.
func (b *bench) step(lr float64, gradients ...[]float64) {
	b.t.Helper()
	inputs := []any{tensors.FromScalar(lr)}
	for _, g := range gradients {
		inputs = append(inputs, tensor(dtypes.Float64, g))
	}
	if _, err := b.exec.Call(inputs...); err != nil {
		b.t.Fatal(err)
	}
}

// value returns a variable as float64.
func (b *bench) value(path string) []float64 {
	b.t.Helper()
	v := b.store.GetVariable(path)
	if v == nil {
		b.t.Fatalf("no variable %s", path)
	}
	switch v.DType() {
	case dtypes.Float64:
		return tensors.MustCopyFlatData[float64](v.MustValue())
	case dtypes.Float32:
		return floats(tensors.MustCopyFlatData[float32](v.MustValue()))
	default:
		return floats(tensors.MustCopyFlatData[int64](v.MustValue()))
	}
}

func floats[T float32 | int64](x []T) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = float64(x[i])
	}
	return y
}

func tensor(dtype dtypes.DType, flat []float64) *tensors.Tensor {
	if dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(slices.Clone(flat), len(flat))
	}
	single := make([]float32, len(flat))
	for i, x := range flat {
		single[i] = float32(x)
	}
	return tensors.FromFlatDataAndDimensions(single, len(flat))
}

func closeTo(t *testing.T, what string, got, want []float64, relative, absolute float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= relative*math.Abs(want[i])+absolute) {
			t.Errorf("%s: value %d is %.12g, want %.12g", what, i, got[i], want[i])
		}
	}
}

// precisions are the reference values' tolerances.
var precisions = []struct {
	dtype              dtypes.DType
	relative, absolute float64
}{{dtypes.Float64, 1e-9, 1e-11}, {dtypes.Float32, 1e-4, 1e-5}}

// flat is a JSON vector or matrix, in row-major order.
type flat []float64

func (f *flat) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, (*[]float64)(f)); err == nil {
		return nil
	}
	var rows [][]float64
	err := json.Unmarshal(b, &rows)
	*f = slices.Concat(rows...)
	return err
}

// references decodes the tests of an operation in testdata/reference.json.
func references[T any](t *testing.T, op string) []T {
	t.Helper()
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Tests []json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var found []T
	for _, raw := range file.Tests {
		var head struct{ Op string }
		var test T
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		if head.Op != op {
			continue
		}
		if err := json.Unmarshal(raw, &test); err != nil {
			t.Fatal(err)
		}
		found = append(found, test)
	}
	if len(found) == 0 {
		t.Fatalf("no tests of %s", op)
	}
	return found
}

func TestGradientsSkipBatchNormAndBiases(t *testing.T) {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	store := model.NewStore()
	store.RootScope().In("unused").VariableWithValue("weight", []float32{1})
	var got []string
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		store.SetTraining(x.Graph(), true)
		y := nn.Conv(scope.In("conv1"), x, 2, 3, 1)
		y = nn.BatchNorm(scope.In("bn1"), y, nn.BatchNormOptions{})
		y = nn.Linear(scope.In("fc"), nn.GlobalAvgPool(y), 1, true, nn.Normal(1))
		loss := ReduceAllMean(y)
		for _, p := range optimize.Gradients(scope, loss) {
			if !p.Gradient.Shape().Equal(p.Variable.Shape()) {
				t.Errorf("%s has a gradient of %s", p.Variable, p.Gradient.Shape())
			}
			path := p.Variable.Path()
			if p.Skip {
				path += " skipped"
			}
			got = append(got, path)
		}
		return loss
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.Compile(shapes.Make(dtypes.Float32, 2, 4, 4, 3)); err != nil {
		t.Fatal(err)
	}
	want := []string{"/bn1/bias skipped", "/bn1/weight skipped", "/conv1/weight", "/fc/bias skipped", "/fc/weight"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestConformance is what every optimiser does.
func TestConformance(t *testing.T) {
	for _, name := range optimize.Optimizers.Names() {
		t.Run(name, func(t *testing.T) {
			o, err := optimize.Optimizers.Default(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Validate(); err != nil {
				t.Errorf("defaults: %v", err)
			}
			w := parameter{name: "a/weight", values: []float64{1, -2}}
			b := newBench(t, o, dtypes.Float32, []parameter{w, {name: "a/bias", values: []float64{0.5}, skip: true}})
			b.step(0, []float64{3, 4}, []float64{5})
			closeTo(t, "weight after a rate of 0", b.value("/a/weight"), w.values, 0, 0)
			for range 3 {
				b.step(0.1, []float64{3, -4}, []float64{5})
			}
			got, bias := b.value("/a/weight"), b.value("/a/bias")
			if !(got[0] < 1 && got[1] > -2 && bias[0] < 0.5) {
				t.Errorf("moved up the gradient: weight %g, bias %g", got, bias)
			}
			b.step(0.1, []float64{0, 0}, []float64{0})
			for v := range b.store.IterVariables() {
				if strings.HasPrefix(v.Path(), optimize.StatePath) == v.Trainable {
					t.Errorf("%s: trainable is %t", v.Path(), v.Trainable)
				}
				if x := b.value(v.Path()); slices.ContainsFunc(x, math.IsNaN) {
					t.Errorf("%s is %g", v.Path(), x)
				}
			}
		})
	}
}

// TestOwnRate gives two equal parameters the same updates, one with ten times
// the rate and one with a schedule of ten times the rate.
func TestOwnRate(t *testing.T) {
	for _, name := range optimize.Optimizers.Names() {
		t.Run(name, func(t *testing.T) {
			o, err := optimize.Optimizers.Default(name)
			if err != nil {
				t.Fatal(err)
			}
			start := []float64{1, -2}
			scaled := newBench(t, o, dtypes.Float64, []parameter{{name: "w", values: start, lr: 10}, {name: "v", values: start}})
			plain := newBench(t, o, dtypes.Float64, []parameter{{name: "w", values: start}})
			slow := newBench(t, o, dtypes.Float64, []parameter{{name: "v", values: start, lr: 1}})
			for step := range 3 {
				g, rate := []float64{3, -4 + float64(step)}, 0.1/float64(1+step)
				scaled.step(rate, g, g)
				plain.step(10*rate, g)
				slow.step(rate, g)
			}
			closeTo(t, "with ten times the rate", scaled.value("/w"), plain.value("/w"), 1e-14, 0)
			closeTo(t, "beside it", scaled.value("/v"), slow.value("/v"), 0, 0)
		})
	}
}

func TestZeroTensorMovesUnderLARS(t *testing.T) {
	o, _ := optimize.Optimizers.Default("lars")
	b := newBench(t, o, dtypes.Float32, []parameter{{name: "w", values: []float64{0, 0}}})
	b.step(0.5, []float64{1, -2})
	closeTo(t, "weight", b.value("/w"), []float64{-0.5, 1}, 1e-6, 0)
}

func TestValidateNamesTheFault(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		o          optimize.Optimizer
	}{
		{"momentum of 1", "momentum 1", &optimize.LARS{Momentum: 1, TrustCoefficient: 0.001}},
		{"no trust coefficient", "trust_coefficient 0", &optimize.LARS{}},
		{"NaN decay", "weight_decay NaN", &optimize.SGD{WeightDecay: math.NaN()}},
		{"negative beta", "beta2 -1", &optimize.AdamW{Beta2: -1, Epsilon: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.o.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
