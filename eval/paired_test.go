package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// outcomesOfTwo draws the outcomes of two classifiers of n queries: most queries
// are easy or hard for both, a few are right for one only.
func outcomesOfTwo(n int, gain float64, rng *rand.Rand) (a, b []float64) {
	for range n {
		common := float64(rng.IntN(2))
		x, y := common, common
		if rng.Float64() < 0.1 {
			x = 1 - x
		}
		if rng.Float64() < gain {
			y = 1
		}
		a, b = append(a, x), append(b, y)
	}
	return a, b
}

func TestPairedIntervalIsThatOfTheNormalApproximation(t *testing.T) {
	a, b := outcomesOfTwo(4000, 0.2, rand.New(rand.NewPCG(1, 1)))
	got, err := Bootstrap{2000, 1}.Difference(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	mean, squares := 0.0, 0.0
	for i := range a {
		mean += (b[i] - a[i]) / float64(len(a))
	}
	for i := range a {
		squares += (b[i] - a[i] - mean) * (b[i] - a[i] - mean)
	}
	reach := 1.96 * math.Sqrt(squares) / float64(len(a))
	if !(math.Abs(got.Value-mean) < 1e-12) || !(math.Abs(got.CI95[0]-(mean-reach)) < reach/8) || !(math.Abs(got.CI95[1]-(mean+reach)) < reach/8) {
		t.Errorf("got %g in %g, want %g ± %g", got.Value, *got.CI95, mean, reach)
	}
	alone := Wilson(int(sum(a)), len(a))
	if !(got.CI95[1]-got.CI95[0] < alone[1]-alone[0]) {
		t.Errorf("the paired interval %g is no narrower than that of one score, %g", *got.CI95, alone)
	}
	reversed, err := Bootstrap{2000, 1}.Difference(t.Context(), b, a)
	if err != nil || !(math.Abs(reversed.Value+got.Value) < 1e-12) {
		t.Errorf("the other way round it is %g: %v", reversed.Value, err)
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func TestPairedIntervalCoversTheTruth(t *testing.T) {
	// Of equal classifiers 95 % of the intervals hold 0: of 200, 190 ± 4 σ of 3.1.
	rng, covered := rand.New(rand.NewPCG(2, 2)), 0
	for range 200 {
		var a, b []float64
		for range 300 {
			a, b = append(a, rng.Float64()), append(b, rng.Float64())
		}
		got, err := Bootstrap{400, 1}.Difference(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		if got.CI95[0] <= 0 && 0 <= got.CI95[1] {
			covered++
		}
	}
	if covered < 178 {
		t.Errorf("%d of 200 intervals hold the truth", covered)
	}
}

func TestPairedRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		a, b       []float64
		bootstrap  Bootstrap
	}{
		{"other queries", "2 and 1 outcomes", []float64{0, 1}, []float64{1}, DefaultBootstrap()},
		{"no queries", "at least one", nil, nil, DefaultBootstrap()},
		{"few resamples", "at least 100", []float64{1}, []float64{1}, Bootstrap{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.bootstrap.Difference(t.Context(), tc.a, tc.b)
			wantError(t, err, tc.want)
		})
	}
}
