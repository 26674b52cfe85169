package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// lloydTwin is Lloyd's algorithm in float64, from centres [k][d]. It ends early
// and is not sure where float32 may find another centre nearer, or where a
// centre loses all images.
func lloydTwin(x, centres [][]float64) (of []int, inertia float64, sure bool) {
	for {
		before := of
		of, inertia = make([]int, len(x)), 0
		for i := range x {
			near, second := math.Inf(1), math.Inf(1)
			for c := range centres {
				d := 0.0
				for k := range x[i] {
					d += (x[i][k] - centres[c][k]) * (x[i][k] - centres[c][k])
				}
				if d < near {
					near, second, of[i] = d, near, c
				} else {
					second = min(second, d)
				}
			}
			inertia += near
			if second-near < 1e-5 {
				return nil, 0, false
			}
		}
		if slices.Equal(before, of) {
			return of, inertia, true
		}
		for c := range centres {
			n := 0.0
			sum := make([]float64, len(x[0]))
			for i := range x {
				if of[i] == c {
					n++
					for k := range sum {
						sum[k] += x[i][k]
					}
				}
			}
			if n == 0 {
				return nil, 0, false
			}
			for k := range sum {
				sum[k] /= n
			}
			centres[c] = sum
		}
	}
}

// doubles returns rows of which the last values are cut off.
func doubles(flat []float32, d, cut int) (rows [][]float64) {
	for row := range slices.Chunk(flat, d) {
		r := make([]float64, d-cut)
		for k := range r {
			r[k] = float64(row[k])
		}
		rows = append(rows, r)
	}
	return rows
}

func TestKMeansAgreesWithItsTwin(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	compared, total := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		d, k := rapid.IntRange(2, 30).Draw(t, "d"), rapid.IntRange(1, 8).Draw(t, "k")
		f := clusters(rapid.IntRange(k, 200).Draw(t, "n"), d, 4, 1, rapid.Uint64().Draw(t, "seed"))
		x := newPoints(p, f)
		start := begun(x, k, rapid.Uint64().Draw(t, "start"))
		want, inertia, sure := lloydTwin(doubles(x.Data, x.D, 0), doubles(slices.Clone(start.Data), start.D, 1))
		got, err := x.lloyd(context.Background(), start, 300)
		if err != nil {
			t.Fatal(err)
		}
		if total++; !sure || !got.Converged {
			return
		}
		compared++
		if math.Abs(got.Inertia-inertia) > 1e-5*inertia+1e-5 {
			t.Fatalf("inertia %g, want %g", got.Inertia, inertia)
		}
		if !slices.Equal(got.Of, want) {
			t.Fatalf("clusters %d, want %d", got.Of, want)
		}
	})
	if 2*compared < total {
		t.Errorf("only %d of %d were compared", compared, total)
	}
}

func TestKMeansFindsClustersThatAreApart(t *testing.T) {
	const k = 25
	f := clusters(1000, 16, k, 0.1, 1)
	all, err := KMeans{Clusters: k, Restarts: 3, MaxIterations: 100, Seed: 1}.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got := MutualInformation(f.Labels, all[0].Of).Arithmetic(); got != 1 {
		t.Errorf("NMI %g, want 1", got)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Inertia < all[i-1].Inertia {
			t.Errorf("restart %d has less inertia than the one before it", i)
		}
	}
}

func TestKMeansDependsOnTheSeedAlone(t *testing.T) {
	f := clusters(3000, 33, 40, 2, 1)
	var want Clustering
	for _, workers := range []int{1, 2, 5} {
		p := pool.New(workers)
		defer p.Close()
		x := newPoints(p, f)
		got, err := x.lloyd(t.Context(), begun(x, 20, 7), 300)
		if err != nil {
			t.Fatal(err)
		}
		if want.Of == nil {
			want = got
		}
		if got.Inertia != want.Inertia || !slices.Equal(got.Of, want.Of) {
			t.Errorf("%d workers: inertia %g, want %g", workers, got.Inertia, want.Inertia)
		}
	}
	p := pool.New(2)
	defer p.Close()
	x := newPoints(p, f)
	other, err := x.lloyd(t.Context(), begun(x, 20, 8), 300)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(other.Of, want.Of) {
		t.Error("another seed gives the same clusters")
	}
}

func TestKMeansOfEqualImages(t *testing.T) {
	f := &Features{N: 6, D: 2, Data: []float32{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}}
	all, err := KMeans{Clusters: 3, Restarts: 2, MaxIterations: 50, Seed: 1}.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if all[0].Inertia != 0 || !all[0].Converged || !slices.Equal(all[0].Of, make([]int, 6)) {
		t.Errorf("%+v, want all in cluster 0 at once", all[0])
	}
}

func TestAnEmptyClusterTakesTheFarthestImage(t *testing.T) {
	members, of, away := [][]int{{0, 1, 3}, {}, {2}, {}}, []int{0, 0, 2, 0}, []float64{1, 5, 9, 5}
	fill(members, of, away)
	// Image 2 is farther, but alone; of 1 and 3 the first is taken first.
	if want := "[[0] [1] [2] [3]] [0 1 2 3]"; fmt.Sprint(members, of) != want {
		t.Errorf("%v %v, want %s", members, of, want)
	}
}

func TestDrawsAreProportional(t *testing.T) {
	sums, counts := []float64{1, 1, 4, 4, 10}, make([]int, 5)
	stream := rng.New(rng.Cluster, 1)
	const n = 100_000
	for range n {
		counts[draw(stream, sums)]++
	}
	for i, share := range []float64{0.1, 0, 0.3, 0, 0.6} {
		if got := float64(counts[i]) / n; math.Abs(got-share) > 0.01 { // 6 standard deviations
			t.Errorf("image %d is drawn in %.3f of the cases, want %.1f", i, got, share)
		}
	}
	clear(counts)
	for range n {
		counts[draw(stream, make([]float64, 5))]++
	}
	if slices.Min(counts) < n/5-1000 {
		t.Errorf("images that are all centres are drawn %d times", counts)
	}
}

func TestKMeansRefuses(t *testing.T) {
	f := clusters(5, 3, 2, 1, 1)
	for _, tc := range []struct {
		want string
		m    KMeans
	}{
		{"clusters 0: must be at least 1", KMeans{Restarts: 1, MaxIterations: 1}},
		{"restarts 0: must be at least 1", KMeans{Clusters: 1, MaxIterations: 1}},
		{"max_iterations 0: must be at least 1", KMeans{Clusters: 1, Restarts: 1}},
		{"6 clusters of 5 images", KMeans{Clusters: 6, Restarts: 1, MaxIterations: 1}},
	} {
		_, err := tc.m.Run(t.Context(), f)
		wantError(t, err, tc.want)
	}
}

// BenchmarkKMeans is NMI's clustering of the test half of CUB-200 (42 of its
// classes), of CIFAR-10's test split and of as many classes as large sets have.
func BenchmarkKMeans(b *testing.B) {
	for _, s := range []struct{ n, d, k int }{{2474, 512, 42}, {10_000, 512, 10}, {20_000, 128, 2000}} {
		f := clusters(s.n, s.d, s.k, 2, 1)
		b.Run(fmt.Sprintf("n=%d/d=%d/k=%d/restarts=10", s.n, s.d, s.k), func(b *testing.B) {
			iterations := 0
			for b.Loop() {
				all, err := KMeans{Clusters: s.k, Restarts: 10, MaxIterations: 300, Seed: 1}.Run(b.Context(), f)
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range all {
					iterations += c.Iterations
				}
			}
			b.ReportMetric(float64(iterations)/float64(b.N), "iterations")
		})
	}
}

func TestKMeansDependsOnNoBlocks(t *testing.T) {
	f := clusters(1000, 17, 30, 2, 3)
	p := pool.New(2)
	defer p.Close()
	var want Clustering
	for _, block := range []int{1000, 1, 7, 640} {
		x := newPoints(p, f)
		x.block = block
		got, err := x.lloyd(t.Context(), begun(x, 12, 1), 50)
		if err != nil {
			t.Fatal(err)
		}
		if want.Of == nil {
			want = got
		}
		if got.Inertia != want.Inertia || got.Iterations != want.Iterations || !slices.Equal(got.Of, want.Of) {
			t.Errorf("blocks of %d points: inertia %g, want %g", block, got.Inertia, want.Inertia)
		}
	}
}

// begun are the first centres.
func begun(x *points, k int, start uint64) nearest.Rows {
	centres, _ := x.begin(context.Background(), k, rng.New(rng.Cluster, start)) // its only error is the context's
	return centres
}

func TestTheFirstCentresStop(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	stop(enough)
	if _, err := (KMeans{Clusters: 3, Restarts: 1, MaxIterations: 1}).Run(ctx, clusters(30, 4, 3, 1, 1)); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}
