package eval

import "math"

// z95 is how many standard deviations a normal 95 % interval reaches to each side.
const z95 = 1.959963984540054

// Wilson returns the 95 % confidence interval of a share of which hits in n
// were observed (Wilson 1927): the shares p whose expectation the observation
// lies within z = 1.96 standard deviations of,
//
//	( p̂ + z²/2n ± z sqrt( p̂(1-p̂)/n + z²/4n² ) ) / (1 + z²/n)
//
// It stays in [0, 1] and is sensible at 0 and n hits. Of nothing it is [0, 1].
// It speaks of the choice of queries, not of the run: another seed of training may
// well fall outside.
func Wilson(hits, n int) [2]float64 {
	if n == 0 {
		return [2]float64{0, 1}
	}
	const z = z95
	m, share := float64(n), float64(hits)/float64(n)
	centre := share + z*z/(2*m)
	reach := z * math.Sqrt(share*(1-share)/m+z*z/(4*m*m))
	return [2]float64{max(0, (centre-reach)/(1+z*z/m)), min(1, (centre+reach)/(1+z*z/m))}
}

// hits counts the predictions that are right.
func hits(predictions, labels []int) int {
	n := 0
	for i, p := range predictions {
		if p == labels[i] {
			n++
		}
	}
	return n
}

// Accuracy makes a score of predictions: its value is the share of them that are right,
// with its interval and outcomes.
func (s *Score) Accuracy(predictions, labels []int) {
	outcomes := make([]float64, len(labels))
	for i, p := range predictions {
		if p == labels[i] {
			outcomes[i] = 1
		}
	}
	s.Share(outcomes)
}

// Share makes a score of outcomes that are 1 or 0: their mean, with its interval.
func (s *Score) Share(outcomes []float64) {
	ones := 0
	for _, o := range outcomes {
		ones += int(o)
	}
	s.Value = float64(ones) / float64(len(outcomes))
	s.CI95 = new(Wilson(ones, len(outcomes)))
	s.Outcomes = outcomes
}
