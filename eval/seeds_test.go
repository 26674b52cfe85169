package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMeanOfSeeds(t *testing.T) {
	for _, tc := range []struct {
		values      []float64
		mean, reach float64
	}{
		{[]float64{0.5, 0.5, 0.5}, 0.5, 0},
		{[]float64{0.4, 0.6}, 0.5, 12.706 * 0.1},
		{[]float64{0.1, 0.2, 0.3, 0.4, 0.5}, 0.3, 2.776 * math.Sqrt(0.1/20)},
	} {
		mean, ci := MeanOfSeeds(tc.values)
		if math.Abs(mean-tc.mean) > 1e-12 || math.Abs(ci[1]-ci[0]-2*tc.reach) > 1e-12 || math.Abs(ci[0]+ci[1]-2*mean) > 1e-12 {
			t.Errorf("%g: %g in %g, want %g ± %g", tc.values, mean, ci, tc.mean, tc.reach)
		}
	}
	if mean, ci := MeanOfSeeds([]float64{0.7}); mean != 0.7 || ci != [2]float64{0, 1} {
		t.Errorf("one run: %g in %g", mean, ci)
	}
}

// TestIntervalsOfSeedsHold counts how often the interval has the expectation of
// normal values in it.
func TestIntervalsOfSeedsHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 3, 5, 40} {
		const draws = 20000
		held := 0
		for range draws {
			values := make([]float64, n)
			for i := range values {
				values[i] = 0.5 + 0.1*rng.NormFloat64()
			}
			if _, ci := MeanOfSeeds(values); ci[0] <= 0.5 && 0.5 <= ci[1] {
				held++
			}
		}
		if share := float64(held) / draws; math.Abs(share-0.95) > 0.008 {
			t.Errorf("%d values: %.3f of the intervals hold, want 0.95", n, share)
		}
	}
}
