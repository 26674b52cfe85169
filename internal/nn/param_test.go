package nn_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/internal/rng"
)

func drawParam(t *testing.T, seed uint64, name string) []float64 {
	store := model.NewStore()
	store.RootScope().SetParam(nn.SeedParam, seed)
	nn.Param(store.RootScope().In("layer"), name, shapes.Make(dtypes.Float32, 3, 4), nn.Normal(1))
	return value(t, store, "/layer/"+name).flat
}

func TestInitialWeightsAreAFunctionOfSeedAndName(t *testing.T) {
	base := drawParam(t, 1, "a")
	if !slices.Equal(base, drawParam(t, 1, "a")) {
		t.Error("the same seed and name give other weights")
	}
	if slices.Equal(base, drawParam(t, 2, "a")) {
		t.Error("another seed gives the same weights")
	}
	if slices.Equal(base, drawParam(t, 1, "b")) {
		t.Error("another name gives the same weights")
	}
}

func TestParamKeepsWhatIsThere(t *testing.T) {
	store := model.NewStore()
	set(store, "/a", array{[]int{2}, []float64{1, 2}}, dtypes.Float32)
	nn.Param(store.RootScope(), "a", shapes.Make(dtypes.Float32, 2), nn.Constant(7))
	if got := value(t, store, "/a").flat; !slices.Equal(got, []float64{1, 2}) {
		t.Errorf("got %g", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("another shape does not panic")
		}
	}()
	nn.Param(store.RootScope(), "a", shapes.Make(dtypes.Float32, 3), nn.Constant(7))
}

func TestInitMoments(t *testing.T) {
	const n = 200_000
	for _, tc := range []struct {
		name     string
		init     nn.Init
		std, max float64
	}{
		{"normal", nn.Normal(0.01), 0.01, 0.1},
		{"fan-in of 27", nn.FanIn(27), math.Sqrt(1. / 27), 2 * math.Sqrt(1./27) / 0.8796},
		{"uniform", nn.Uniform(0.3), 0.3 / math.Sqrt(3), 0.3},
		{"constant", nn.Constant(1), 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := rng.New(rng.Init, 1)
			var sum, squares, largest float64
			for range n {
				x := tc.init(s)
				sum, squares, largest = sum+x, squares+x*x, max(largest, math.Abs(x))
			}
			mean := sum / n
			std := math.Sqrt(max(squares/n-mean*mean, 0))
			if math.Abs(std-tc.std) > 0.01*tc.std { // six standard errors
				t.Errorf("standard deviation %g, want %g", std, tc.std)
			}
			if tc.std > 0 && math.Abs(mean) > 6*tc.std/math.Sqrt(n) {
				t.Errorf("mean %g, want 0", mean)
			}
			if largest > tc.max {
				t.Errorf("largest %g, want at most %g", largest, tc.max)
			}
		})
	}
}
