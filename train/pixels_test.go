package train

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

func TestPixelsAreRoundedToLevels(t *testing.T) {
	view := []float32{0, 1, 0.5, 1.0 / 255, 0.4 / 255, 0.6 / 255, -1, 2}
	p := newPixels(PixelsUint8, 2+len(view))
	p.write(2, len(view), nil, func(dst []float32) { copy(dst, view) })
	exec := graph.MustNewExec(engine(t, ""), values)
	got := tensors.MustCopyFlatData[float32](exec.MustCall(p.tensor(2 + len(view)))[0])
	for i, x := range append([]float32{0, 0}, view...) {
		want := math.Round(255*min(max(float64(x), 0), 1)) / 255
		if math.Abs(float64(got[i])-want) > 1e-7 {
			t.Errorf("%g became %g, want %g", x, got[i], want)
		}
	}
}

// TestTrainingOnBytes trains with views of uint8: nearly the same network, exactly the same
// in two sittings and with other workers.
func TestTrainingOnBytes(t *testing.T) {
	run := func(pixels, name string, sittings ...int) (weights string, firstLoss float64) {
		r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Pixels = pixels
		var s State
		for _, steps := range sittings {
			s = trained(t, r, images, engine(t, name), Options{Steps: steps})
		}
		metrics, err := r.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		return s.WeightsSHA256, metrics[0].Loss
	}
	once, loss := run(PixelsUint8, "simd:workers=1", 0)
	if again, _ := run(PixelsUint8, "simd:workers=2", 3, 0); once != again {
		t.Error("weights differ between one sitting and two")
	}
	floats, exact := run(PixelsFloat32, "simd", 0)
	if once == floats {
		t.Error("weights are those of training on float32: nothing was rounded")
	}
	if math.Abs(loss-exact) > 0.01 {
		t.Errorf("loss %g after one step, on float32 %g", loss, exact)
	}
}
