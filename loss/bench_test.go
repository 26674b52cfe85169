package loss_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/backend"
	"alike/loss"
	"alike/loss/losstest"
)

// BenchmarkLoss is value and gradient of every loss on 256 images in two views.
func BenchmarkLoss(b *testing.B) {
	engine, err := backend.Open("")
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Finalize()
	batch := losstest.Views(256, 128, 1)
	flat := make([]float32, 0, 512*128)
	for _, row := range batch.Z {
		for _, x := range row {
			flat = append(flat, float32(x))
		}
	}
	z := tensors.FromFlatDataAndDimensions(flat, 512, 128)
	proxies := tensors.FromFlatDataAndDimensions(append([]float32{}, flat[:256*128]...), 256, 128)
	label := tensors.FromValue(batch.Label)
	for _, name := range loss.Losses.Names() {
		b.Run("loss="+name, func(b *testing.B) {
			l, err := loss.Losses.Default(name)
			if err != nil {
				b.Fatal(err)
			}
			exec, err := graph.NewExec(engine, func(z, label, proxies *graph.Node) []*graph.Node {
				g := z.Graph()
				value := l.Graph(loss.Batch{
					Z: z, Label: label, Proxies: proxies, Bias: graph.Zeros(g, shapes.Make(dtypes.Float32, 256)),
					Positive: loss.ViewPositives(g, 256, 2), View: loss.BlockViews(g, 256, 2),
				})
				return []*graph.Node{value, graph.Gradient(value, z)[0]}
			})
			if err != nil {
				b.Fatal(err)
			}
			defer exec.Finalize()
			for b.Loop() {
				if _, err := exec.Call(z, label, proxies); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
