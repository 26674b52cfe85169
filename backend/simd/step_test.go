package simd

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
	"alike/head"
	"alike/loss"
	"alike/optimize"
)

// trainer is a SimCLR training step of the network that the peers are timed
// with: identity shortcuts, head Linear-BN-ReLU-Linear, SGD with momentum.
func trainer(t testing.TB, b compute.Backend, name string, pairs int) (step func() float32) {
	t.Helper()
	e, err := encoder.Encoders.Default(name)
	if err != nil {
		t.Fatal(err)
	}
	r := e.(*encoder.ResNet)
	r.Shortcut, r.Stem = encoder.ShortcutIdentity, encoder.StemCIFAR
	g, err := head.Heads.Default("bench")
	if err != nil {
		t.Fatal(err)
	}
	l := &loss.NTXent{Temperature: 0.5, L2Normalize: true}
	opt := &optimize.SGD{Momentum: 0.9, WeightDecay: 1e-4}
	exec, err := model.NewExec(b, model.NewStore(), func(scope *model.Scope, x, lr *Node) *Node {
		scope.Store().SetTraining(x.Graph(), true)
		z := g.Graph(scope.In("head"), e.Graph(scope, x))
		v := l.Graph(loss.Batch{Z: z, Positive: loss.ViewPositives(x.Graph(), pairs, 2)})
		opt.Update(scope, lr, optimize.Gradients(scope, v))
		return v
	})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pixels := make([]float32, 2*pairs*32*32*3)
	for i := range pixels {
		pixels[i] = rnd.Float32()
	}
	x := tensors.FromFlatDataAndDimensions(pixels, 2*pairs, 32, 32, 3)
	return func() float32 {
		out, err := exec.Call(x, float32(0.1))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.ToScalar[float32](out[0])
	}
}

func TestStepAgreesWithTheGoBackend(t *testing.T) {
	portable, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	a, b := trainer(t, open(t, ""), "resnet8", 8), trainer(t, portable, "resnet8", 8)
	for i := range 3 {
		x, y := a(), b()
		t.Log(i, x, y)
		if d := x - y; d > 1e-3 || d < -1e-3 {
			t.Errorf("step %d: loss %g, on the Go backend %g", i, x, y)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	for _, tc := range []struct {
		net   string
		pairs int
	}{{"resnet8", 256}, {"resnet18", 64}} {
		b.Run("net="+tc.net, func(b *testing.B) {
			step := trainer(b, open(b, ""), tc.net, tc.pairs)
			step()
			step() // from now on updates take over the memory of what they replace
			b.ReportAllocs()
			before := heap()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(heap()-before)/float64(b.N)/1024, "heap-KiB/op")
			b.ReportMetric(2*float64(tc.pairs)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

// heap is the live memory, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
