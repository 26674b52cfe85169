package train

import (
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/internal/registry"
	"alike/method"
)

// stepWith is the change of all variables in a step of plain gradient descent.
func stepWith(t *testing.T, change func(c *Config)) map[string][]float64 {
	t.Helper()
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Optimizer = registry.Choice{Name: "sgd"}
	change(&r.Config)
	if err := r.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	return firstStep(t, r.Config, 1)
}

// furthest is the largest difference of two steps, relative to the largest change of a variable.
func furthest(a, b map[string][]float64) (worst float64, where string) {
	for path := range a {
		var difference, size float64
		for i, x := range a[path] {
			difference, size = max(difference, math.Abs(x-b[path][i])), max(size, math.Abs(x))
		}
		if relative := difference / max(size, 1e-7); relative >= worst {
			worst, where = relative, path
		}
	}
	return worst, where
}

func TestOneChunkIsThePlainStep(t *testing.T) {
	for _, lossName := range []string{"ntxent", "isif_symmetric", "supcon", "proxy_nca", "cross_entropy"} {
		choose := func(c *Config) {
			c.Loss = registry.Choice{Name: lossName}
			if lossName == "proxy_nca" || lossName == "cross_entropy" { // which learn from labels
				c.Method = registry.Choice{Name: "metric"}
			}
		}
		plain := stepWith(t, choose)
		chunked := stepWith(t, func(c *Config) { choose(c); c.Chunk = c.Batch })
		if d, where := furthest(plain, chunked); d != 0 {
			t.Errorf("%s: %s differs by %g of its change", lossName, where, d)
		}
	}
}

func TestCheckpointedBlocksAreThePlainStep(t *testing.T) {
	plain := stepWith(t, func(*Config) {})
	again := stepWith(t, func(c *Config) { c.CheckpointBlocks = true })
	if d, where := furthest(plain, again); d != 0 {
		t.Errorf("%s differs by %g of its change", where, d)
	}
	both := stepWith(t, func(c *Config) { c.CheckpointBlocks, c.Chunk = true, c.Batch/2 })
	chunked := stepWith(t, func(c *Config) { c.Chunk = c.Batch / 2 })
	if d, where := furthest(both, chunked); d != 0 {
		t.Errorf("in chunks: %s differs by %g of its change", where, d)
	}
}

// TestChunksAreExact compares the step in chunks with the same written plainly, as one
// network whose batch norms see the chunks: all of it kept, nothing computed twice.
func TestChunksAreExact(t *testing.T) {
	for _, chunks := range []int{2, 4} {
		t.Run(fmt.Sprint(chunks), func(t *testing.T) {
			r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
			c := r.Config
			c.Optimizer, c.Chunk = registry.Choice{Name: "sgd"}, c.Batch/chunks
			got := firstStep(t, c, 1)
			want := keptStep(t, c)
			for path, change := range want {
				if strings.Contains(path, "running_") {
					continue
				}
				d, _ := furthest(map[string][]float64{path: change}, got)
				if !(d < 2e-4) { // float32 through batch norms; a wrong gradient is off by about 1
					t.Errorf("%s differs by %g of its change", path, d)
				}
			}
			plain := firstStep(t, func() Config { c := c; c.Chunk = 0; return c }(), 1)
			if d, _ := furthest(want, plain); d < 1e-2 {
				t.Error("statistics of chunks make no difference: the test shows nothing")
			}
			for path, change := range got { // the mean over chunks is that of the batch, for the first norm
				if path != "/bn1/running_mean" {
					continue
				}
				if d, _ := furthest(map[string][]float64{path: change}, plain); d > 1e-4 {
					t.Errorf("%s differs by %g from that of the whole batch", path, d)
				}
			}
		})
	}
}

// keptStep is the change of all weights in a step of gradient descent whose
// gradient is that of one graph with all chunks in it.
func keptStep(t *testing.T, c Config) map[string][]float64 {
	t.Helper()
	p, err := c.build()
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	store.RootScope().SetParam(nn.SeedParam, c.Seed)
	exec, err := model.NewExec(engine(t, ""), store, func(scope *model.Scope, x *Node) *Node {
		scope.Store().SetTraining(x.Graph(), true)
		var z []*Node
		for _, chunk := range p.chunks(&c, x) {
			z = append(z, p.network(&c, scope, chunk))
		}
		l := p.batchLoss(&c, scope, &method.Step{Label: Zeros(x.Graph(), shapes.Make(dtypes.Int32, 2*c.Batch))}, p.join(&c, z))
		for v := range scope.IterVariables() {
			if v.Trainable && v.InUseByGraph(x.Graph()) {
				w := v.NodeValue(x)
				v.SetNodeValue(Sub(w, MulScalar(Gradient(l, w)[0], 0.1)))
			}
		}
		return l
	})
	if err != nil {
		t.Fatal(err)
	}
	x := noise(&c, 2*c.Batch)
	if _, err := exec.Compile(x.Shape()); err != nil {
		t.Fatal(err)
	}
	before := weights(store)
	if _, err := exec.Call(x); err != nil {
		t.Fatal(err)
	}
	return minus(weights(store), before)
}

func TestChunksThatDoNotFit(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Chunk = 3
	if err := r.Config.Validate(); err == nil || !strings.Contains(err.Error(), "chunk 3: must divide the batch of") {
		t.Errorf("error %v", err)
	}
}

// TestMemoryIsSaved compares what compiled steps hold.
func TestMemoryIsSaved(t *testing.T) {
	memory := func(change func(c *Config)) float64 {
		r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Batch, r.Config.Encoder = 64, registry.Choice{Name: "resnet20"}
		change(&r.Config)
		store := model.NewStore()
		before := heap()
		p, err := newProgram(engine(t, ""), store, &r.Config)
		if err != nil {
			t.Fatal(err)
		}
		held := heap() - before
		p.exec.Finalize()
		return held / (1 << 20)
	}
	plain := memory(func(*Config) {})
	for name, change := range map[string]func(c *Config){
		"chunks":      func(c *Config) { c.Chunk = 8 },
		"checkpoints": func(c *Config) { c.CheckpointBlocks = true },
	} {
		saved := memory(change)
		t.Logf("%s: %.0f MiB, plain %.0f MiB", name, saved, plain)
		if saved > plain*3/4 {
			t.Errorf("%s need %.0f MiB, the plain step %.0f", name, saved, plain)
		}
	}
}

// heap is the memory in use, in bytes.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
