package eval

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// peak is the most heap that is in use while f runs, beside what is in use before.
func peak(t *testing.T, f func()) uint64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // so that what is garbage hardly counts
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	use := func() uint64 {
		metrics.Read(heap)
		return heap[0].Value.Uint64()
	}
	runtime.GC()
	before, stop, most := use(), make(chan bool), make(chan uint64)
	go func() {
		top := before
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-tick.C:
				top = max(top, use())
			case <-stop:
				most <- max(top, use())
				return
			}
		}
	}()
	f()
	close(stop)
	return <-most - before
}

// TestMetricsTakeBoundedMemory measures embeddings that take 64 MB: no metric makes a copy of
// them but the linear probe, which makes one.
func TestMetricsTakeBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	f := clusters(8192, 2048, 64, 1, 1)
	f.Normalize()
	features := uint64(4 * len(f.Data))
	cluster := DefaultNMI()
	cluster.Restarts, cluster.MaxIterations = 1, 3
	linear := DefaultLinear()
	linear.L2, linear.MaxIterations = linear.L2[:2], 5
	other := *f
	for _, m := range []struct {
		name    string
		bound   uint64 // MB
		measure func(ctx context.Context) error
	}{
		{"knn", 60, func(ctx context.Context) error { _, err := DefaultKNN().Score(ctx, f, f); return err }},
		{"retrieval", 60, func(ctx context.Context) error { _, err := DefaultRetrieval().Scores(ctx, f, f); return err }},
		{"verification", 60 + 34*uint64(min(counters, runtime.GOMAXPROCS(0))), func(ctx context.Context) error { _, err := DefaultVerification().Scores(ctx, f); return err }},
		{"cluster", 60, func(ctx context.Context) error { _, err := cluster.ClusterScores(ctx, f); return err }},
		{"linear", 64 + 120, func(ctx context.Context) error { _, err := linear.Score(ctx, f, &other); return err }},
	} {
		t.Run(m.name, func(t *testing.T) {
			var err error
			got := peak(t, func() { err = m.measure(t.Context()) })
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d MB beside %d MB of embeddings", got>>20, features>>20)
			if got>>20 > m.bound {
				t.Errorf("it takes %d MB beside %d MB of embeddings, want at most %d", got>>20, features>>20, m.bound)
			}
		})
	}
}
