package explore

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"alike/eval"
)

// groups draws rows around centres, one group after another.
func groups(n, d, centres int, spread float64, seed uint64) *eval.Features {
	r := rand.New(rand.NewPCG(seed, 0))
	middle := make([]float64, centres*d)
	for i := range middle {
		middle[i] = r.NormFloat64()
	}
	f := &eval.Features{N: n, D: d, Data: make([]float32, n*d), Labels: make([]int, n)}
	for i := range n {
		f.Labels[i] = i * centres / n
		for k := range d {
			f.Data[i*d+k] = float32(middle[f.Labels[i]*d+k] + spread*r.NormFloat64())
		}
	}
	return f
}

// The twin is the whole spectrum of the covariance, by gonum.
func TestPCAIsThatOfTheWholeSpectrum(t *testing.T) {
	for _, f := range []*eval.Features{groups(300, 20, 5, 0.5, 1), groups(40, 3, 2, 1, 2), groups(2*pcaRows, 4, 3, 1, 3)} {
		var rows *eval.Features = f
		if f.N > pcaRows {
			even := make([]int, f.N/2)
			for i := range even {
				even[i] = 2 * i
			}
			rows = f.Select(even)
		}
		mean := make([]float64, f.D)
		for i := range rows.N {
			for k, v := range rows.Row(i) {
				mean[k] += float64(v) / float64(rows.N)
			}
		}
		covariance := mat.NewSymDense(f.D, nil)
		for i := range rows.N {
			for a, x := range rows.Row(i) {
				for b, y := range rows.Row(i)[a:] {
					covariance.SetSym(a, a+b, covariance.At(a, a+b)+(float64(x)-mean[a])*(float64(y)-mean[a+b]))
				}
			}
		}
		var eigen mat.EigenSym
		eigen.Factorize(covariance, true)
		var vectors mat.Dense
		eigen.VectorsTo(&vectors)
		for i, p := range PCA(f) {
			for axis, got := range []float64{p.X, p.Y} {
				want := 0.0
				for k, v := range f.Row(i) {
					want += (float64(v) - mean[k]) * vectors.At(k, f.D-1-axis)
				}
				if !(math.Abs(math.Abs(got)-math.Abs(want)) <= 1e-6*(1+math.Abs(want))) {
					t.Fatalf("%d x %d: row %d, axis %d: %g, want ±%g", f.N, f.D, i, axis, got, want)
				}
			}
		}
	}
}

func TestPCAOfLittle(t *testing.T) {
	for name, f := range map[string]*eval.Features{
		"one row":    {N: 1, D: 3, Data: []float32{1, 2, 3}},
		"equal rows": {N: 3, D: 2, Data: []float32{1, 2, 1, 2, 1, 2}},
		"one value":  {N: 3, D: 1, Data: []float32{1, 2, 4}},
	} {
		for i, p := range PCA(f) {
			if math.IsNaN(p.X) || math.IsNaN(p.Y) || f.D > 1 && math.Hypot(p.X, p.Y) > 1e-6 {
				t.Errorf("%s: row %d is at %+v", name, i, p)
			}
		}
	}
}

// Forces are the gradients of what the map makes small.
func TestForcesAreGradients(t *testing.T) {
	q := func(x, y float64) float64 { return 1 / (1 + nearness*(x*x+y*y)) }
	const h = 1e-6
	for _, at := range [][2]float64{{0.3, -0.7}, {2, 1}, {-5, 0.1}} {
		x, y := at[0], at[1]
		for name, c := range map[string]struct {
			force func(x, y float64) (float64, float64)
			loss  func(x, y float64) float64
			tol   float64
		}{
			"attraction": {attraction, func(x, y float64) float64 { return -math.Log(q(x, y)) }, 1e-6},
			"repulsion":  {repulsion, func(x, y float64) float64 { return -math.Log(1 - q(x, y)) }, 0.01}, // but for what keeps it finite
		} {
			dx, dy := c.force(x, y)
			wx, wy := (c.loss(x+h, y)-c.loss(x-h, y))/(2*h), (c.loss(x, y+h)-c.loss(x, y-h))/(2*h)
			if !(math.Hypot(dx-wx, dy-wy) <= c.tol*math.Hypot(wx, wy)) {
				t.Errorf("%s at %v: %g, %g; want %g, %g", name, at, dx, dy, wx, wy)
			}
		}
	}
	if dx, dy := repulsion(0, 0); dx != 0 || dy != 0 {
		t.Errorf("a point repels itself by %g, %g", dx, dy)
	}
}

// near is the share of a point's nearest on the map that are of its group.
func near(points []Point, labels []int, k int) float64 {
	same := 0
	for i, p := range points {
		taken := map[int]bool{i: true}
		for range k {
			best, least := -1, math.Inf(1)
			for j, q := range points {
				if d := math.Hypot(p.X-q.X, p.Y-q.Y); !taken[j] && d < least {
					best, least = j, d
				}
			}
			taken[best] = true
			if labels[best] == labels[i] {
				same++
			}
		}
	}
	return float64(same) / float64(k*len(points))
}

func TestLayoutKeepsNeighboursTogether(t *testing.T) {
	f := groups(400, 32, 8, 0.45, 4)
	pca := PCA(f)
	got, err := DefaultLayout().Run(t.Context(), f, pca)
	if err != nil {
		t.Fatal(err)
	}
	flat, map2 := near(pca, f.Labels, 5), near(got, f.Labels, 5)
	if map2 < 0.98 || flat > map2 {
		t.Errorf("of the 5 nearest on the map %.1f %% are of the same group, by PCA %.1f %%", 100*map2, 100*flat)
	}
	again, err := DefaultLayout().Run(t.Context(), f, pca)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != again[i] {
			t.Fatalf("point %d is at %v, then at %v", i, got[i], again[i])
		}
	}
}

func TestLayoutOfLittle(t *testing.T) {
	equal := &eval.Features{N: 20, D: 2, Data: make([]float32, 40)}
	for i := range equal.Data {
		equal.Data[i] = 1
	}
	for name, f := range map[string]*eval.Features{"three rows": {N: 3, D: 2, Data: []float32{1, 0, 0, 1, -1, 0}}, "equal rows": equal} {
		points, err := DefaultLayout().Run(t.Context(), f, PCA(f))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range points {
			if math.IsNaN(p.X+p.Y) || math.Hypot(p.X, p.Y) > 1e4 {
				t.Errorf("%s: point %d is at %v", name, i, p)
			}
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := DefaultLayout().Run(ctx, equal, PCA(equal)); !errors.Is(err, cause) {
		t.Errorf("stopped: %v", err)
	}
}

// The weights of a row's neighbours sum to log2 k, the nearest's is 1.
func TestFuzzyWeights(t *testing.T) {
	f := groups(200, 16, 4, 1, 5)
	near, err := DefaultLayout().neighbours(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	edges := DefaultLayout().graph(near)
	joined := make([]int, f.N)
	for i, e := range edges {
		if e.from >= e.to || e.weight <= 0 || e.weight > 1 || i > 0 && (edges[i-1].from > e.from || edges[i-1].from == e.from && edges[i-1].to >= e.to) {
			t.Fatalf("edge %d is %+v after %+v", i, e, edges[max(0, i-1)])
		}
		joined[e.from]++
		joined[e.to]++
	}
	for i, n := range joined {
		if n == 0 {
			t.Errorf("row %d has no neighbour", i)
		}
	}
}
