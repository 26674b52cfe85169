package verify

import (
	"fmt"
	"math"
)

func init() {
	operations["sync_batchnorm_stats"] = operation{twin: syncBatchNorm, graph: syncBatchNormGraph}
}

// shards are the rows that each device holds, as many on each.
func (t *test) shards() (shards [][][]float64) {
	for t.inputs.has(fmt.Sprintf("shard_%d", len(shards))) {
		v := t.inputs.field(fmt.Sprintf("shard_%d", len(shards)))
		shard := v.matrix()
		if len(shards) > 0 && (len(shard) != len(shards[0]) || len(shard[0]) != len(shards[0][0])) {
			v.fail("the shape of shard_0")
		}
		shards = append(shards, shard)
	}
	if shards == nil {
		t.inputs.fail("at least shard_0")
	}
	return shards
}

// syncBatchNorm joins the statistics of equal shards: with mean m_r and
// population variance v_r of shard r,
//
//	m = mean(m_r),   v = mean(v_r) + mean((m_r - m)²)
func syncBatchNorm(t *test) tree {
	shards := t.shards()
	r, columns := float64(len(shards)), len(shards[0][0])
	means, variances := zeros(len(shards), columns), zeros(len(shards), columns)
	m, v := make([]float64, columns), make([]float64, columns)
	for s, shard := range shards {
		n := float64(len(shard))
		for _, row := range shard {
			add(means[s], 1/n, row)
		}
		for _, row := range shard {
			for k, x := range row {
				variances[s][k] += (x - means[s][k]) * (x - means[s][k]) / n
			}
		}
		add(m, 1/r, means[s])
		add(v, 1/r, variances[s])
	}
	for s := range shards {
		for k := range v {
			v[k] += (means[s][k] - m[k]) * (means[s][k] - m[k]) / r
		}
	}
	result := tree{"shard_means": means, "shard_variances": variances, "global_mean": m, "global_variance": v}
	for s, shard := range shards {
		normalised := zeros(len(shard), columns)
		for i, row := range shard {
			for k, x := range row {
				normalised[i][k] = (x - m[k]) / math.Sqrt(v[k]+t.params.field("epsilon").float())
			}
		}
		result[fmt.Sprintf("normalised_shard_%d", s)] = normalised
	}
	return result
}
