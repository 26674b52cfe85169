package train

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/registry"
	"alike/internal/rng"
)

// TestHeadLRReachesTheHeadOnly compares the change of all weights in one step
// without momentum.
func TestHeadLRReachesTheHeadOnly(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Optimizer = registry.Choice{Name: "sgd"}
	once, ten := firstStep(t, r.Config, 1), firstStep(t, r.Config, 10)
	for path, change := range once {
		factor := 1.0
		if strings.HasPrefix(path, "/head/") && !strings.Contains(path, "running_") {
			factor = 10
		}
		var wrong, moved int
		for i, d := range change {
			if !(math.Abs(ten[path][i]-factor*d) <= 1e-6*(1+math.Abs(factor*d))) { // float32 around 1
				wrong++
			}
			if math.Abs(d) > 1e-5 {
				moved++
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d changes are not %g times as large", path, wrong, len(change), factor)
		}
		if moved == 0 && path == "/head/0/weight" {
			t.Errorf("%s has not moved", path)
		}
	}
}

// firstStep returns the change of every variable in a step at rate 0.1.
func firstStep(t *testing.T, c Config, headLR float64) map[string][]float64 {
	t.Helper()
	c.Schedule.HeadLR = headLR
	store := model.NewStore()
	p, err := newProgram(engine(t, ""), store, &c)
	if err != nil {
		t.Fatal(err)
	}
	before := weights(store)
	parts, err := c.build()
	if err != nil {
		t.Fatal(err)
	}
	rows := parts.method.Views() * c.Batch
	labels := make([]int32, rows)
	for i := range labels {
		labels[i] = int32(i % 4)
	}
	in := inputs{noise(&c, rows), tensors.FromFlatDataAndDimensions(labels, rows), tensors.FromShape(shapes.Make(dtypes.Int32, rows))}
	if _, err := p.run(in, 0.1, 0); err != nil {
		t.Fatal(err)
	}
	return minus(weights(store), before)
}

// noise are rows random images.
func noise(c *Config, rows int) *tensors.Tensor {
	x := tensors.FromShape(c.inputShape(PixelsFloat32, rows))
	stream := rng.New(rng.View, 1)
	tensors.MustMutableFlatData(x, func(flat []float32) {
		for i := range flat {
			flat[i] = stream.Float32()
		}
	})
	return x
}

// minus is what has changed since before.
func minus(after, before map[string][]float64) map[string][]float64 {
	for path, w := range after {
		for i := range w {
			if before[path] != nil {
				w[i] -= before[path][i]
			}
		}
	}
	return after
}

// weights copies the encoder's and the head's variables.
func weights(store *model.Store) map[string][]float64 {
	all := map[string][]float64{}
	for v := range store.IterVariables() {
		if v.DType() != dtypes.Float32 || strings.HasPrefix(v.Path(), "/optimizer/") {
			continue
		}
		for _, x := range tensors.MustCopyFlatData[float32](v.MustValue()) {
			all[v.Path()] = append(all[v.Path()], float64(x))
		}
	}
	return all
}
