package train

import (
	"context"
	"slices"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// TimeStep returns the median time of a step of a resolved configuration on
// made-up data, after one to warm up.
func TimeStep(ctx context.Context, b compute.Backend, c *Config, steps int) (time.Duration, error) {
	store := model.NewStore()
	defer store.Finalize()
	p, err := newProgram(b, store, c)
	if err != nil {
		return 0, err
	}
	defer p.exec.Finalize()
	times, err := p.time(ctx, c, steps+1)
	if err != nil {
		return 0, err
	}
	return median(times[1:]), nil
}

// TimeForward returns the median time in which the encoder of a configuration,
// with weights drawn anew and in inference mode, embeds a batch of made-up
// images, after one to warm up.
func TimeForward(ctx context.Context, b compute.Backend, c *Config, steps int) (time.Duration, error) {
	parts, err := c.build()
	if err != nil {
		return 0, err
	}
	store := model.NewStore()
	defer store.Finalize()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x *Node) *Node {
		scope.Store().SetTraining(x.Graph(), false)
		return parts.encoder.Graph(scope, inDType(x, c.DType))
	})
	if err != nil {
		return 0, compileError("embedding", err)
	}
	defer exec.Finalize()
	pixels := make([]float32, c.inputShape(PixelsFloat32, c.Batch).Size())
	for i := range pixels {
		pixels[i] = float32(i%251) / 250
	}
	x := tensors.FromFlatDataAndDimensions(pixels, c.inputDims(c.Batch)...)
	times := make([]time.Duration, steps+1)
	for i := range times {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		start := time.Now()
		h, err := exec.Call(x)
		if err != nil {
			return 0, compileError("embedding", err)
		}
		times[i] = time.Since(start)
		if err := h[0].FinalizeAll(); err != nil {
			return 0, err
		}
	}
	return median(times[1:]), x.FinalizeAll()
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
