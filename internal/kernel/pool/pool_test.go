package pool

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEachTaskRunsOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		p := New(workers)
		defer p.Close()
		for n := range 50 {
			counts := make([]atomic.Int32, n)
			p.Run(n, func(task int) { counts[task].Add(1) })
			for task := range counts {
				if got := counts[task].Load(); got != 1 {
					t.Fatalf("%d workers: task %d of %d ran %d times", workers, task, n, got)
				}
			}
		}
	}
}

func TestWorkersThatSleepWakeUp(t *testing.T) {
	p := New(3)
	defer p.Close()
	for range 3 {
		time.Sleep(5 * time.Millisecond)
		var together sync.WaitGroup
		together.Add(3)
		p.Run(3, func(int) { together.Done(); together.Wait() }) // hangs unless all three take part
	}
}

func TestRunInsideAndBesideRun(t *testing.T) {
	p := New(3)
	defer p.Close()
	var count atomic.Int32
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 20 {
				p.Run(5, func(int) { p.Run(7, func(int) { count.Add(1) }) })
			}
		})
	}
	callers.Wait()
	if got := count.Load(); got != 4*20*5*7 {
		t.Errorf("%d tasks ran, want %d", got, 4*20*5*7)
	}
}

func TestPanicReachesTheCaller(t *testing.T) {
	p := New(2)
	defer p.Close()
	want := errors.New("broken")
	func() {
		defer func() {
			if got := recover(); got != want {
				t.Errorf("recovered %v, want %v", got, want)
			}
		}()
		p.Run(100, func(task int) {
			if task == 13 {
				panic(want)
			}
		})
	}()
	ran := false
	p.Run(1, func(int) { ran = true })
	if !ran {
		t.Error("a pool is of no use after a panic")
	}
}

func TestRunAfterClose(t *testing.T) {
	p := New(4)
	p.Close()
	p.Close()
	var count atomic.Int32
	p.Run(10, func(int) { count.Add(1) })
	if got := count.Load(); got != 10 {
		t.Errorf("%d tasks ran, want 10", got)
	}
}

func TestBorrowLendsTheSmallestThatFits(t *testing.T) {
	p := New(1)
	large, old, small := p.Borrow(100), p.Borrow(10), p.Borrow(10)
	for _, b := range [][]float32{old, large, small} {
		p.Return(b)
	}
	for _, want := range []struct {
		n    int
		from []float32
	}{{5, small}, {10, old}, {10, large}} {
		if got := p.Borrow(want.n); len(got) != want.n || &got[0] != &want.from[0] {
			t.Errorf("asked for %d floats, got %d of another piece than expected", want.n, len(got))
		}
	}
}

func TestBorrowReplacesWhatIsTooSmall(t *testing.T) {
	p := New(1)
	p.Return(p.Borrow(10))
	if b := p.Borrow(20); len(b) != 20 {
		t.Errorf("lent %d floats, want 20", len(b))
	}
	if len(p.free) != 0 {
		t.Errorf("kept %d pieces, want none", len(p.free))
	}
}

func BenchmarkRun(b *testing.B) {
	p := New(0)
	defer p.Close()
	for b.Loop() {
		p.Run(p.Workers(), func(int) {})
	}
}
