package verify

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

// syncBatchNormGraph is nn.BatchNorm. The product trains on one device, where
// the rows of all shards are one batch: its statistics are the global ones. Those
// of a shard are what batch norm finds in that shard alone.
func syncBatchNormGraph(t *test, e engine) (tree, error) {
	if t.params.field("epsilon").float() != nn.BatchNormEpsilon {
		return nil, errNotInProduct
	}
	shards := t.shards()
	var means, variances [][]float64
	for _, shard := range shards {
		_, mean, variance, err := e.batchNorm(shard)
		if err != nil {
			return nil, err
		}
		means, variances = append(means, mean), append(variances, variance)
	}
	y, mean, variance, err := e.batchNorm(slices.Concat(shards...))
	if err != nil {
		return nil, err
	}
	result := tree{"shard_means": means, "shard_variances": variances, "global_mean": mean, "global_variance": variance}
	for s, shard := range shards {
		result[fmt.Sprintf("normalised_shard_%d", s)] = y[s*len(shard) : (s+1)*len(shard)]
	}
	return result, nil
}

// batchNorm makes a step of training and reads the mean and the variance off the
// running statistics, which begin at 0 and 1.
func (e engine) batchNorm(x [][]float64) (y [][]float64, mean, variance []float64, err error) {
	store := model.NewStore()
	exec, err := model.NewExec(e.backend, store, func(scope *model.Scope, x *Node) *Node {
		store.SetTraining(x.Graph(), true)
		return nn.BatchNorm(scope.In("bn"), x, nn.BatchNormOptions{})
	})
	if err != nil {
		return nil, nil, nil, err
	}
	defer exec.Finalize()
	out, err := exec.Call(e.matrix(x))
	if err != nil {
		return nil, nil, nil, err
	}
	flat, err := doubles(out[0])
	if err != nil {
		return nil, nil, nil, err
	}
	const step = 1 - nn.BatchNormDecay
	if mean, err = variable(store, "/bn/running_mean"); err != nil {
		return nil, nil, nil, err
	}
	if variance, err = variable(store, "/bn/running_var"); err != nil {
		return nil, nil, nil, err
	}
	for k := range mean {
		mean[k] /= step
		variance[k] = (variance[k] - nn.BatchNormDecay) / step
	}
	return slices.Collect(slices.Chunk(flat, len(x[0]))), mean, variance, nil
}
