package encoder_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"go.yaml.in/yaml/v3"

	"alike/encoder"
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

// newEncoder makes the encoder of a YAML choice.
func newEncoder(tb testing.TB, config string) encoder.Encoder {
	tb.Helper()
	var choice registry.Choice
	if err := yaml.Unmarshal([]byte(config), &choice); err != nil {
		tb.Fatal(err)
	}
	e, err := encoder.Encoders.New(choice)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// build builds the encoder's graph for two images, without compiling it, and
// returns the store of its parameters and the shape of h.
func build(tb testing.TB, e encoder.Encoder, side int) (*model.Store, shapes.Shape) {
	tb.Helper()
	store, g := model.NewStore(), NewGraph(goBackend(tb), "encoder")
	x := Parameter(g, "x", shapes.Make(dtypes.Float32, 2, side, side, 3))
	return store, e.Graph(store.RootScope(), x).Shape()
}

// networks are the encoders by name, but for the one that is none.
func networks() []string {
	return slices.DeleteFunc(encoder.Encoders.Names(), func(name string) bool { return name == encoder.FeaturesName })
}

// dotted returns a parameter's name as torchvision has it.
func dotted(v *model.Variable) string { return strings.ReplaceAll(v.Path()[1:], "/", ".") }

// TestConformance is what every encoder does.
func TestConformance(t *testing.T) {
	for _, name := range networks() {
		t.Run(name, func(t *testing.T) {
			e := newEncoder(t, name)
			if encoder.Encoders.Summary(name) == "" {
				t.Error("no summary")
			}
			if testing.Short() && e.Dim() > 64 {
				t.Skip("draws many million weights")
			}
			store, h := build(t, e, 32)
			if want := []int{2, e.Dim()}; !slices.Equal(h.Dimensions, want) {
				t.Errorf("h is %v, want %v", h.Dimensions, want)
			}
			for v := range store.IterVariables() {
				if strings.Contains(v.Path(), "running_") == v.Trainable {
					t.Errorf("%s: trainable is %t", dotted(v), v.Trainable)
				}
			}
		})
	}
}

// TestBlocksAreWhatOutputsYields compares shapes; the last block averages to h.
func TestBlocksAreWhatOutputsYields(t *testing.T) {
	for _, name := range networks() {
		t.Run(name, func(t *testing.T) {
			e := newEncoder(t, name)
			store, g := model.NewStore(), NewGraph(goBackend(t), "encoder")
			x := Parameter(g, "x", shapes.Make(dtypes.Float32, 2, 64, 64, 3))
			blocks, i := e.Blocks(), 0
			for y := range e.Outputs(store.RootScope(), x) {
				if y.Rank() != 4 || y.Shape().Dim(-1) != blocks[i].Dim {
					t.Errorf("%s gives %s, want %d channels", blocks[i].Name, y.Shape(), blocks[i].Dim)
				}
				if encoder.Find(e, blocks[i].Name) != i {
					t.Errorf("the name %s is there twice", blocks[i].Name)
				}
				i++
			}
			if i != len(blocks) || blocks[i-1].Dim != e.Dim() || encoder.Find(e, "layer9") >= 0 {
				t.Errorf("%d outputs of %d blocks, the last of %d channels, h of %d", i, len(blocks), blocks[len(blocks)-1].Dim, e.Dim())
			}
		})
	}
}

func TestWhatIsNotAskedForIsNotBuilt(t *testing.T) {
	e := newEncoder(t, "resnet18")
	store, g := model.NewStore(), NewGraph(goBackend(t), "encoder")
	x := Parameter(g, "x", shapes.Make(dtypes.Float32, 2, 32, 32, 3))
	y := encoder.Pooled(e, store.RootScope(), x, encoder.Find(e, "layer2.0"))
	if y.Rank() != 2 || y.Shape().Dim(-1) != 128 {
		t.Errorf("shape %s", y.Shape())
	}
	for v := range store.IterVariables() {
		if n := dotted(v); strings.HasPrefix(n, "layer2.1") || strings.HasPrefix(n, "layer3") {
			t.Errorf("%s is built", n)
		}
	}
}
