package eval

import (
	"context"
	"fmt"
	"math"
	"slices"

	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// Bootstrap makes 95 % confidence intervals by measuring resamples: as many
// queries as there are, drawn from them with replacement (Efron 1979). The gallery
// stays as it is. Like Wilson's, the intervals speak of the choice of queries, not
// of the run; unlike those they say nothing where all queries agree: of a recall
// of 1 the interval is [1, 1].
type Bootstrap struct {
	Resamples int    `json:"resamples"`
	Seed      uint64 `json:"seed"`
}

// DefaultBootstrap draws a thousand resamples.
func DefaultBootstrap() Bootstrap { return Bootstrap{Resamples: 1000, Seed: 1} }

// Validate checks all fields.
func (b Bootstrap) Validate() error {
	if b.Resamples < 100 {
		return fmt.Errorf("%d resamples: a 95 %% interval needs at least 100", b.Resamples)
	}
	return nil
}

// each calls f once for every resample, from several goroutines, with the n
// queries that it holds. Resample r is a function of the seed, r and n alone.
func (b Bootstrap) each(ctx context.Context, p *pool.Pool, n int, f func(resample int, queries []int32)) error {
	p.Run(b.Resamples, func(r int) {
		if ctx.Err() != nil {
			return
		}
		stream, queries := rng.New(rng.Bootstrap, b.Seed, uint64(r)), make([]int32, n)
		for i := range queries {
			queries[i] = int32(stream.IntN(n))
		}
		f(r, queries)
	})
	return context.Cause(ctx)
}

// means returns the means of the columns of values [n, columns] with their
// intervals: from the 2.5 % to the 97.5 % quantile of the resamples' means. Time is
// O(Resamples n columns).
func (b Bootstrap) means(ctx context.Context, p *pool.Pool, values []float64, columns int) (means []float64, ci95 [][2]float64, err error) {
	n := len(values) / columns
	resampled := make([][]float64, columns)
	for c := range resampled {
		resampled[c] = make([]float64, b.Resamples)
	}
	err = b.each(ctx, p, n, func(r int, queries []int32) {
		sums := make([]float64, columns)
		for _, q := range queries {
			addRow(sums, values[int(q)*columns:])
		}
		for c, sum := range sums {
			resampled[c][r] = sum / float64(n)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	means, ci95 = make([]float64, columns), make([][2]float64, columns)
	for q := range n {
		addRow(means, values[q*columns:])
	}
	for c := range means {
		means[c] /= float64(n)
		slices.Sort(resampled[c])
		ci95[c] = [2]float64{quantile(resampled[c], 0.025), quantile(resampled[c], 0.975)}
	}
	return means, ci95, nil
}

// addRow adds the beginning of a row to sums.
func addRow(sums, row []float64) {
	for c, v := range row[:len(sums)] {
		sums[c] += v
	}
}

// quantile is that of sorted values, interpolated linearly (R's type 7).
func quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// deviation is the standard deviation of the values.
func deviation(values []float64) float64 {
	mean, sum := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(values)-1))
}
