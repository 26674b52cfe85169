package eval

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// clusters draws n images of c classes in d dimensions: the class's centre, drawn
// from N(0, 1), plus noise.
func clusters(n, d, c int, noise float64, seed uint64) *Features {
	centres := rand.New(rand.NewPCG(1, 1))
	mean := make([]float64, c*d)
	for i := range mean {
		mean[i] = centres.NormFloat64()
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	f := &Features{N: n, D: d, Labels: make([]int, n), Layer: "h", Set: Set{Data: "clusters"}}
	for i := range n {
		f.Labels[i] = rng.IntN(c)
		for k := range d {
			f.Data = append(f.Data, float32(mean[f.Labels[i]*d+k]+noise*rng.NormFloat64()))
		}
	}
	return f
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
