package eval

import "math"

// studentT are the 97.5 % quantiles of Student's t distribution with 1 to 30
// degrees of freedom.
var studentT = [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
	2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042}

// MeanOfSeeds returns the mean of what n runs scored that differ in their seed
// alone, and the 95 % interval of its expectation,
//
//	mean ± t √(Σ (x - mean)² / (n (n-1)))
//
// with Student's t of n-1 degrees of freedom (beyond 30 that of 30, a little wide). Of one
// run the interval is [0, 1]: it says nothing of other seeds.
func MeanOfSeeds(values []float64) (mean float64, ci95 [2]float64) {
	n := float64(len(values))
	for _, x := range values {
		mean += x / n
	}
	if len(values) < 2 {
		return mean, [2]float64{0, 1}
	}
	squares := 0.0
	for _, x := range values {
		squares += (x - mean) * (x - mean)
	}
	reach := studentT[min(len(values)-2, len(studentT)-1)] * math.Sqrt(squares/(n*(n-1)))
	return mean, [2]float64{mean - reach, mean + reach}
}
