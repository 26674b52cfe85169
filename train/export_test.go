package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
	"alike/head"
	"alike/internal/onnx"
	"alike/internal/onnx/trace"
	"alike/internal/registry"
	"alike/internal/rng"
)

// untrained is a model whose batch norms have statistics of their own, so that each of them counts.
func untrained(t *testing.T, size int, encoderName, headName registry.Choice) *Model {
	t.Helper()
	c, err := Default("simclr", size)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Batch, c.Encoder, c.Head = "pixels", 2, encoderName, headName
	if err := c.Resolve(4, 0); err != nil {
		t.Fatal(err)
	}
	m, err := (&Run{Dir: t.TempDir(), Config: c}).Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	stream := rng.New(rng.Init, 9)
	for _, v := range slices.SortedFunc(m.store.IterVariables(), func(x, y *model.Variable) int { return strings.Compare(x.Path(), y.Path()) }) {
		if !isStatistic(v.Path()) && !strings.HasSuffix(v.Path(), "bias") && !(strings.HasSuffix(v.Path(), "weight") && v.Shape().Rank() == 1) {
			continue
		}
		tensors.MustMutableFlatData(v.MustValue(), func(flat []float32) {
			for i := range flat {
				flat[i] = float32(0.5 + stream.Float64())
				if strings.HasSuffix(v.Path(), "mean") || strings.HasSuffix(v.Path(), "bias") {
					flat[i] = float32(0.2 * (stream.Float64() - 0.5))
				}
			}
		})
	}
	return m
}

// randomPixels is n images of size pixels, NHWC in [0, 1].
func randomPixels(n, size int) []float32 {
	stream, x := rng.New(rng.Init, 10), make([]float32, n*size*size*3)
	for i := range x {
		x[i] = float32(stream.Float64())
	}
	return x
}

// call embeds pixels by the model's own engine.
func (m *Model) call(t *testing.T, layer string, pixels []float32, n int) []float32 {
	t.Helper()
	exec, err := model.NewExec(m.engine, m.store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), false)
		return m.embedding(scope, x, layer)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(pixels, n, m.config.Size, m.config.Size, 3))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

// runONNX writes and reads the model, and runs what was read on pixels NHWC.
func runONNX(t *testing.T, m *onnx.Model, pixels []float32, n, size int) []float32 {
	t.Helper()
	file, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = onnx.Unmarshal(file); err != nil {
		t.Fatal(err)
	}
	p, err := onnx.Load(m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(onnx.FromFloat32(pixels, n, size, size, 3).Transpose([]int{0, 3, 1, 2}))
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Float32s()
}

// relative is |got - want| / |want| over all values.
func relative(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var difference, length float64
	for i, w := range want {
		difference += math.Pow(float64(got[i]-w), 2)
		length += math.Pow(float64(w), 2)
	}
	return math.Sqrt(difference / length)
}

// TestEveryEncoderAndHeadIsExported compares what each computes with what its file does.
func TestEveryEncoderAndHeadIsExported(t *testing.T) {
	choose := func(name string, params map[string]any) registry.Choice {
		c, err := registry.Choose(name, params)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	type network struct {
		name          string
		size          int
		encoder, head registry.Choice
		operators     string // that the file may have, besides those of all
	}
	networks := []network{
		{"same padding and a stem for large images", 37, choose("resnet18", map[string]any{"stem": "imagenet"}), choose("linear", nil), ""},
		{"torchvision's variant", 40, choose("resnet50", map[string]any{"stem": "imagenet", "pool": "symmetric", "shortcut": "identity"}), choose("none", nil), ""},
		{"a small Inception-BN", 16, choose("inception_bn", map[string]any{"stem": "small"}), choose("none", nil), "AveragePool Concat"},
	}
	for _, name := range encoder.Encoders.Names() {
		if name == "features" || strings.HasSuffix(name, "101") || strings.HasSuffix(name, "152") || testing.Short() && name != "resnet8" && name != "googlenet" {
			continue
		}
		networks = append(networks, network{name, 32, choose(name, nil), choose("mlp", nil), "AveragePool Concat Transpose Mul Div Sqrt Reshape"})
	}
	for _, name := range head.Heads.Names() {
		networks = append(networks, network{name + " head", 16, choose("resnet8", nil), choose(name, nil), "Mul ReduceSum Max Sqrt Reshape Div"})
	}
	if testing.Short() {
		networks = networks[2:]
	}
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			m := untrained(t, n.size, n.encoder, n.head)
			defer m.close()
			pixels := randomPixels(3, n.size)
			want := m.call(t, "z", pixels, 3)
			for _, short := range []bool{false, true} {
				file, err := m.ONNX("z", false, trace.Options{Half: short})
				if err != nil {
					t.Fatal(err)
				}
				tolerance := 1e-5
				if short {
					tolerance = 0.02
				}
				if r := relative(runONNX(t, file, pixels, 3, n.size), want); !(r < tolerance) || short && r == 0 {
					t.Errorf("float16 %t: z differs by %.2g, relative", short, r)
				}
				allowed := strings.Fields("Conv BatchNormalization Relu Add MaxPool ReduceMean Gemm " + n.operators)
				if short {
					allowed = append(allowed, "Cast")
				}
				for _, node := range file.Graph.Nodes {
					if !slices.Contains(allowed, node.Op) {
						t.Errorf("the file has %s, %s", node.Op, node.Name)
					}
				}
			}
		})
	}
}

// TestExportedWeightsAreThoseOfTheCheckpoint compares names, shapes and bytes.
func TestExportedWeightsAreThoseOfTheCheckpoint(t *testing.T) {
	m := untrained(t, 16, registry.Choice{Name: "resnet8"}, registry.Choice{Name: "mlp"})
	defer m.close()
	file, err := m.ONNX("z", false, trace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := collect(m.store, "")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, tensor := range file.Graph.Initializers {
		if w, ok := weights[tensor.Name]; ok {
			found++
			if fmt.Sprint(w.dims) != fmt.Sprint(tensor.Dims) || string(w.data) != string(tensor.Raw) {
				t.Errorf("%s %v differs from the checkpoint's %v", tensor.Name, tensor.Dims, w.dims)
			}
		}
	}
	if found != len(weights) {
		t.Errorf("%d of %d weights are in the file", found, len(weights))
	}
}
