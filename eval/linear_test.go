package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"

	"alike/internal/kernel/pool"
)

// logisticTwin is the probe's objective, written from its equation.
func logisticTwin(x *Features, classes int, l2 float64, w []float64) float64 {
	loss := 0.0
	for i := range x.N {
		logits, total := make([]float64, classes), 0.0
		for c := range classes {
			logits[c] = w[classes*x.D+c]
			for k, v := range x.Row(i) {
				logits[c] += w[c*x.D+k] * float64(v)
			}
			total += math.Exp(logits[c])
		}
		loss += (math.Log(total) - logits[x.Labels[i]]) / float64(x.N)
	}
	for _, v := range w[:classes*x.D] {
		loss += l2 / 2 * v * v
	}
	return loss
}

func TestLogisticAgreesWithItsTwin(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	rapid.Check(t, func(t *rapid.T) {
		d, classes := rapid.IntRange(1, 6).Draw(t, "d"), rapid.IntRange(1, 4).Draw(t, "classes")
		x := clusters(rapid.IntRange(1, 60).Draw(t, "n"), d, classes, 1, rapid.Uint64().Draw(t, "seed"))
		w := rapid.SliceOfN(rapid.Float64Range(-1, 1), classes*(d+1), classes*(d+1)).Draw(t, "w")
		l2 := rapid.Float64Range(0, 1).Draw(t, "l2")
		m := newLogistic(p, x, classes, l2)
		m.evaluate(w)
		if want := logisticTwin(x, classes, l2, w); !(math.Abs(m.value-want) < 1e-5*(1+want)) {
			t.Fatalf("value %g, want %g", m.value, want)
		}
		const h = 1e-5
		for k := range w {
			up, down := slices.Clone(w), slices.Clone(w)
			up[k], down[k] = up[k]+h, down[k]-h
			want := (logisticTwin(x, classes, l2, up) - logisticTwin(x, classes, l2, down)) / (2 * h)
			if !(math.Abs(m.gradient[k]-want) < 1e-5) {
				t.Fatalf("gradient %d is %g, want %g", k, m.gradient[k], want)
			}
		}
	})
}

func TestLogisticDoesNotDependOnWorkers(t *testing.T) {
	x := clusters(2000, 33, 7, 1, 1)
	var want []float64
	for _, workers := range []int{1, 2, 5} {
		p := pool.New(workers)
		defer p.Close()
		w, _, err := newLogistic(p, x, 7, 1e-3).fit(t.Context(), make([]float64, 7*34), 20)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = w
		}
		if !slices.Equal(want, w) {
			t.Errorf("%d workers fit other weights", workers)
		}
	}
}

func TestFitFindsTheMinimum(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	x := clusters(400, 5, 3, 1, 1)
	const l2 = 0.1
	w, iterations, err := newLogistic(p, x, 3, l2).fit(t.Context(), make([]float64, 18), 300)
	if err != nil {
		t.Fatal(err)
	}
	if iterations >= 300 {
		t.Errorf("%d iterations", iterations)
	}
	const h = 1e-4 // the gradient of the twin must vanish
	for k := range w {
		up, down := slices.Clone(w), slices.Clone(w)
		up[k], down[k] = up[k]+h, down[k]-h
		slope := (logisticTwin(x, 3, l2, up) - logisticTwin(x, 3, l2, down)) / (2 * h)
		if !(math.Abs(slope) < 1e-3) {
			t.Errorf("slope %g along variable %d", slope, k)
		}
	}
}

func TestLinearScore(t *testing.T) {
	bank, queries := clusters(600, 10, 4, 0.5, 1), clusters(200, 10, 4, 0.5, 2)
	for i := range bank.Data { // a scale and an offset that only standardisation undoes
		bank.Data[i] = 1000 + 50*bank.Data[i]
	}
	for i := range queries.Data {
		queries.Data[i] = 1000 + 50*queries.Data[i]
	}
	m := DefaultLinear()
	s, err := m.Score(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	if !(s.Value > 0.97) || !(s.Probe.TrainAccuracy >= 0.97) {
		t.Errorf("accuracy %g, on the bank %g", s.Value, s.Probe.TrainAccuracy)
	}
	if s.Protocol.HeldOut != 0.1 || s.Protocol.Seed != 1 || len(s.Protocol.L2) != len(m.L2) {
		t.Errorf("protocol %+v", s.Protocol)
	}
	again, err := m.Score(t.Context(), bank, queries)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, again); d != "" {
		t.Errorf("a second time it is different:\n%s", d)
	}
}

func TestLinearRefuses(t *testing.T) {
	f := clusters(20, 3, 2, 1, 1)
	_, err := DefaultLinear().Score(t.Context(), f, f)
	wantError(t, err, "needs a train and a test split")
	_, err = DefaultLinear().Score(t.Context(), f.Select([]int{1, 2}), f)
	wantError(t, err, "cannot hold out 0.1 of 2 images")
	_, err = Linear{L2: []float64{math.NaN()}, HeldOut: 1}.Score(t.Context(), f, clusters(2, 3, 2, 1, 1))
	for _, want := range []string{"l2 NaN", "held_out 1", "max_iterations 0"} {
		wantError(t, err, want)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := DefaultLinear().Score(ctx, f, clusters(2, 3, 2, 1, 1)); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

func TestStandardisation(t *testing.T) {
	f := &Features{N: 3, D: 3, Labels: make([]int, 3), Data: []float32{1, 7, 1e6, 2, 7, 1e6, 3, 7, 1e6 + 3}}
	got, err := newScaler(f).apply(f, []int{0, 1, 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{-math.Sqrt(1.5), 0, -math.Sqrt(0.5), 0, 0, -math.Sqrt(0.5), math.Sqrt(1.5), 0, math.Sqrt(2)}
	for i, v := range got.Data {
		if !(math.Abs(float64(v)-want[i]) < 1e-6) {
			t.Fatalf("got %g, want %g", got.Data, want)
		}
	}
}

// TestAFitEndsWhereRoundingStopsTheLineSearch: on these features it once asked for one place for ever.
func TestAFitEndsWhereRoundingStopsTheLineSearch(t *testing.T) {
	p := pool.New(0)
	defer p.Close()
	for _, tc := range []struct {
		seed uint64
		l2   float64
	}{{286, 0.1}, {322, 0.1}} {
		r := rand.New(rand.NewPCG(tc.seed, 1))
		n, d, classes, latent := 200+r.IntN(800), 2+r.IntN(60), 2+r.IntN(9), 1+r.IntN(4)
		x := &Features{N: n, D: d, Data: make([]float32, n*d), Labels: make([]int, n)}
		mix := make([]float64, latent*d)
		for i := range mix {
			mix[i] = r.NormFloat64()
		}
		for i := range n {
			x.Labels[i] = r.IntN(classes)
			z := make([]float64, latent)
			for j := range z {
				z[j] = r.NormFloat64() + float64(x.Labels[i]>>j&1)
			}
			for k := range d {
				v := 0.1 * r.NormFloat64()
				for j := range z {
					v += z[j] * mix[j*d+k]
				}
				x.Data[i*d+k] = float32(v)
			}
		}
		m := newLogistic(p, x, classes, tc.l2)
		w, _, err := m.fit(t.Context(), make([]float64, classes*(d+1)), 300)
		if err != nil {
			t.Fatal(err)
		}
		if m.again <= noMove {
			t.Errorf("seed %d: the line search ended by itself; take features where it does not", tc.seed)
		}
		if m.evaluate(w); floats.Norm(m.gradient, 2) > 1e-3 {
			t.Errorf("seed %d: it ended at a gradient of %g", tc.seed, floats.Norm(m.gradient, 2))
		}
	}
}
