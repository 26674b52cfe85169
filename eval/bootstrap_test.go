package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// bootstrapTwin is the interval of the mean by the definition.
func bootstrapTwin(b Bootstrap, x []float64) [2]float64 {
	var means []float64
	for r := range b.Resamples {
		stream, sum := rng.New(rng.Bootstrap, b.Seed, uint64(r)), 0.0
		for range x {
			sum += x[stream.IntN(len(x))]
		}
		means = append(means, sum/float64(len(x)))
	}
	slices.Sort(means)
	// 201 resamples: the quantiles are elements.
	return [2]float64{means[5], means[195]}
}

func TestBootstrapAgreesWithItsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	x, y := make([]float64, 300), make([]float64, 300)
	var values []float64
	for i := range x {
		x[i], y[i] = r.NormFloat64(), float64(r.IntN(2))
		values = append(values, x[i], y[i])
	}
	b := Bootstrap{Resamples: 201, Seed: 5}
	for _, workers := range []int{1, 2, 5} {
		p := pool.New(workers)
		defer p.Close()
		means, got, err := b.means(t.Context(), p, values, 2)
		if err != nil {
			t.Fatal(err)
		}
		for c, column := range [][]float64{x, y} {
			if want := bootstrapTwin(b, column); got[c] != want {
				t.Errorf("%d workers: the interval of column %d is %g, want %g", workers, c, got[c], want)
			}
			if got[c][0] > means[c] || got[c][1] < means[c] {
				t.Errorf("the interval %g does not hold the mean %g", got[c], means[c])
			}
		}
	}
}

// TestBootstrapCovers draws data again and again: the interval must hold the
// true mean in about 95 % of the cases.
func TestBootstrapCovers(t *testing.T) {
	const trials, n, share = 400, 200, 0.3
	p := pool.New(0)
	defer p.Close()
	r := rand.New(rand.NewPCG(2, 0))
	covered := 0
	for range trials {
		values := make([]float64, n)
		for i := range values {
			if r.Float64() < share {
				values[i] = 1
			}
		}
		_, ci, err := Bootstrap{Resamples: 300, Seed: r.Uint64()}.means(t.Context(), p, values, 1)
		if err != nil {
			t.Fatal(err)
		}
		if ci[0][0] <= share && share <= ci[0][1] {
			covered++
		}
	}
	if rate := float64(covered) / trials; math.Abs(rate-0.95) > 0.04 { // 3.7 standard deviations
		t.Errorf("%.3f of the intervals hold the true mean, want 0.95", rate)
	}
}
