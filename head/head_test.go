package head_test

import (
	"math"
	"math/rand/v2"
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
	"go.yaml.in/yaml/v3"

	"alike/encoder"
	"alike/head"
	"alike/internal/registry"
)

func goBackend(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// newHead makes the head of a YAML choice.
func newHead(tb testing.TB, config string) head.Head {
	tb.Helper()
	var choice registry.Choice
	if err := yaml.Unmarshal([]byte(config), &choice); err != nil {
		tb.Fatal(err)
	}
	h, err := head.Heads.New(choice)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// isif is ISIF's head.
const isif = "{name: embedding, dim: 128, bias: true, init: pytorch}"

func TestParameters(t *testing.T) {
	const d = 512
	bn := []string{"bias", "running_mean", "running_var", "weight"}
	for _, tc := range []struct {
		name   string
		count  int // trainable
		layers map[string][]string
	}{
		{"mlp", 328_832, map[string][]string{"0": {"weight"}, "1": bn, "3": {"weight"}, "4": bn[1:]}},
		{"linear", 128*d + 128, map[string][]string{"0": {"weight"}, "1": bn[1:]}},
		{"none", 0, nil},
		{"embedding", 512 * d, map[string][]string{"0": {"weight"}}},
		{isif, 128*d + 128, map[string][]string{"0": {"bias", "weight"}}},
		{"bench", d*d + d + 2*d + 128*d + 128, map[string][]string{"0": {"bias", "weight"}, "1": bn, "3": {"bias", "weight"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store, g := model.NewStore(), NewGraph(goBackend(t), "head")
			f := newHead(t, tc.name)
			z := f.Graph(store.RootScope().In("head"), Parameter(g, "h", shapes.Make(dtypes.Float32, 4, d)))
			if want := []int{4, f.Dim(d)}; !slices.Equal(z.Shape().Dimensions, want) {
				t.Errorf("z is %s, want %v", z.Shape(), want)
			}
			count, got, want := 0, []string{}, []string{}
			for v := range store.IterVariables() {
				got = append(got, v.Path())
				if v.Trainable {
					count += v.Shape().Size()
				}
			}
			for layer, names := range tc.layers {
				for _, name := range names {
					want = append(want, "/head/"+layer+"/"+name)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if count != tc.count {
				t.Errorf("%d parameters, want %d", count, tc.count)
			}
		})
	}
}

// TestParametersOfTheSystems counts encoder and head together.
func TestParametersOfTheSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	for _, tc := range []struct {
		name, encoder, head string
		want                int
	}{
		{"ISIF on CIFAR-10", "{name: resnet18, shortcut: identity, stem: cifar}", isif, 11_234_496},
		{"ICE", "inception_bn", "embedding", 10_596_928},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var choice registry.Choice
			if err := yaml.Unmarshal([]byte(tc.encoder), &choice); err != nil {
				t.Fatal(err)
			}
			e, err := encoder.Encoders.New(choice)
			if err != nil {
				t.Fatal(err)
			}
			store, g := model.NewStore(), NewGraph(goBackend(t), "system")
			x := Parameter(g, "x", shapes.Make(dtypes.Float32, 2, 32, 32, 3))
			scope := store.RootScope()
			newHead(t, tc.head).Graph(scope.In("head"), e.Graph(scope, x))
			got := 0
			for v := range store.IterVariables() {
				if v.Trainable {
					got += v.Shape().Size()
				}
			}
			if got != tc.want {
				t.Errorf("%d parameters, want %d", got, tc.want)
			}
		})
	}
}

// TestEmbeddingStartsUniform checks the limits of 512 x 400 initial values. The
// largest of n values lies within 20/n of the limit but for exp(-20) of all seeds.
func TestEmbeddingStartsUniform(t *testing.T) {
	for _, tc := range []struct {
		config       string
		weight, bias float64
	}{
		{"{name: embedding, bias: true}", math.Sqrt(3. / 400), 0},
		{"{name: embedding, bias: true, init: pytorch}", math.Sqrt(1. / 400), math.Sqrt(1. / 400)},
	} {
		t.Run(tc.config, func(t *testing.T) {
			store, g := model.NewStore(), NewGraph(goBackend(t), "head")
			newHead(t, tc.config).Graph(store.RootScope().In("head"), Parameter(g, "h", shapes.Make(dtypes.Float32, 4, 400)))
			for name, limit := range map[string]float64{"weight": tc.weight, "bias": tc.bias} {
				values := tensors.MustCopyFlatData[float32](store.GetVariable("/head/0/" + name).MustValue())
				low, high := float64(slices.Min(values)), float64(slices.Max(values))
				least := limit * (1 - 40/float64(len(values)))
				if high > limit*(1+1e-7) || -low > limit*(1+1e-7) || high < least || -low < least {
					t.Errorf("%s between %g and %g, want ±%g", name, low, high, limit)
				}
			}
		})
	}
}

// matrix is [rows][columns].
type matrix [][]float64

// linear returns x w + b; b may be nil.
func linear(x matrix, w, b []float32) matrix {
	out := len(w) / len(x[0])
	y := make(matrix, len(x))
	for i := range x {
		y[i] = make([]float64, out)
		for o := range out {
			if b != nil {
				y[i][o] = float64(b[o])
			}
			for k, v := range x[i] {
				y[i][o] += v * float64(w[k*out+o])
			}
		}
	}
	return y
}

// norm normalises the columns by their mean and population variance.
func norm(x matrix) matrix {
	for c := range x[0] {
		var mean, variance float64
		for i := range x {
			mean += x[i][c] / float64(len(x))
		}
		for i := range x {
			variance += (x[i][c] - mean) * (x[i][c] - mean) / float64(len(x))
		}
		for i := range x {
			x[i][c] = (x[i][c] - mean) / math.Sqrt(variance+1e-5)
		}
	}
	return x
}

// unit divides the rows by their lengths.
func unit(x matrix) matrix {
	for i := range x {
		squares := 0.0
		for _, v := range x[i] {
			squares += v * v
		}
		for c := range x[i] {
			x[i][c] /= math.Sqrt(squares)
		}
	}
	return x
}

func relu(x matrix) matrix {
	for i := range x {
		for c := range x[i] {
			x[i][c] = max(x[i][c], 0)
		}
	}
	return x
}

// TestTwins checks each head's equation at its initial weights, in training.
func TestTwins(t *testing.T) {
	twins := map[string]func(h matrix, w func(string) []float32) matrix{
		"mlp": func(h matrix, w func(string) []float32) matrix {
			return norm(linear(relu(norm(linear(h, w("0/weight"), nil))), w("3/weight"), nil))
		},
		"linear": func(h matrix, w func(string) []float32) matrix {
			return norm(linear(h, w("0/weight"), nil))
		},
		"none": func(h matrix, _ func(string) []float32) matrix { return h },
		"embedding": func(h matrix, w func(string) []float32) matrix {
			return unit(linear(h, w("0/weight"), nil))
		},
		isif: func(h matrix, w func(string) []float32) matrix {
			return unit(linear(h, w("0/weight"), w("0/bias")))
		},
		"{name: embedding, l2_normalize: false}": func(h matrix, w func(string) []float32) matrix {
			return linear(h, w("0/weight"), nil)
		},
		"projector": func(h matrix, w func(string) []float32) matrix {
			return linear(relu(norm(linear(h, w("0/weight"), nil))), w("3/weight"), w("3/bias"))
		},
		"{name: projector, layers: 3, hidden: 6, dim: 5, norm_out: true}": func(h matrix, w func(string) []float32) matrix {
			h = relu(norm(linear(h, w("0/weight"), nil)))
			return norm(linear(relu(norm(linear(h, w("3/weight"), nil))), w("6/weight"), nil))
		},
		"{name: projector, hidden: 6, no_norm: true}": func(h matrix, w func(string) []float32) matrix {
			return linear(relu(linear(h, w("0/weight"), w("0/bias"))), w("2/weight"), w("2/bias"))
		},
		"bench": func(h matrix, w func(string) []float32) matrix {
			return linear(relu(norm(linear(h, w("0/weight"), w("0/bias")))), w("3/weight"), w("3/bias"))
		},
	}
	for _, name := range head.Heads.Names() {
		if twins[name] == nil {
			t.Errorf("%s has no twin", name)
		}
	}
	for config, twin := range twins {
		t.Run(config, func(t *testing.T) {
			rng, h := rand.New(rand.NewPCG(1, 1)), make(matrix, 16)
			var flat []float32
			for i := range h {
				for range 8 {
					flat = append(flat, float32(rng.NormFloat64()))
					h[i] = append(h[i], float64(flat[len(flat)-1]))
				}
			}
			store := model.NewStore()
			exec, err := model.NewExec(goBackend(t), store, func(scope *model.Scope, h *Node) *Node {
				store.SetTraining(h.Graph(), true)
				return newHead(t, config).Graph(scope.In("head"), h)
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(flat, len(h), 8))
			if err != nil {
				t.Fatal(err)
			}
			got := tensors.MustCopyFlatData[float32](out[0])
			want := slices.Concat(twin(h, func(name string) []float32 {
				return tensors.MustCopyFlatData[float32](store.GetVariable("/head/" + name).MustValue())
			})...)
			for i := range want {
				if !(math.Abs(float64(got[i])-want[i]) <= 1e-5*(1+math.Abs(want[i]))) {
					t.Fatalf("z[%d] is %g, want %g", i, got[i], want[i])
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, h := range []head.Head{&head.MLP{}, &head.Linear{Out: -1}, &head.Embedding{Init: head.InitXavier}} {
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "dim") {
			t.Errorf("%T: error %v", h, err)
		}
	}
}

func TestEmbeddingValidateReportsAllFaults(t *testing.T) {
	err := (&head.Embedding{Init: "he"}).Validate()
	for _, want := range []string{"dim 0", `init "he"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
