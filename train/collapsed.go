package train

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/loss"
	"alike/method"
)

// collapsedLoss is the loss of a batch of equal embeddings, such as ln(2N-1) for NT-Xent: a run
// that is there has learned nothing, or forgotten it. It is the loss itself that
// says so. 0 where a loss depends on more than embeddings and positives.
func (p *parts) collapsedLoss(b compute.Backend, c *Config) (float64, error) {
	_, own := p.method.(method.Objective)
	_, class := p.loss.(loss.ClassLoss)
	if own || class || p.method.Supervised() && c.PerClass == 0 {
		return 0, nil
	}
	views := p.method.Views()
	label := make([]int32, views*c.Batch)
	for i := range label {
		label[i] = int32(i % c.Batch / max(1, c.PerClass))
	}
	exec, err := NewExec(b, func(label *Node) *Node {
		g := label.Graph()
		batch := loss.Batch{
			Z:        Ones(g, shapes.Make(dtypes.Float32, views*c.Batch, 2)),
			Label:    label,
			Positive: p.method.Positive(g, c.Batch, label),
		}
		if views > 1 {
			batch.View = loss.BlockViews(g, c.Batch, views)
		}
		return p.loss.Graph(batch)
	})
	if err != nil {
		return 0, compileError("collapsed loss", err)
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(label, len(label)))
	if err != nil {
		return 0, compileError("collapsed loss", err)
	}
	value := float64(tensors.ToScalar[float32](out[0]))
	return value, out[0].FinalizeAll()
}
