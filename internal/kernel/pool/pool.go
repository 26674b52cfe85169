// Package pool runs the tasks of a kernel on a fixed set of goroutines, and
// lends them memory.
package pool

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"alike/internal/kernel/page"
)

// Pool is a set of workers that lives as long as the backend that owns it. It
// decides only who does a task and when; what the tasks are must follow from
// the shapes alone, so that results do not depend on the number of workers.
//
// A worker that has nothing to do spins for some microseconds before it sleeps:
// one training step is hundreds of Runs with little between them.
//
// All methods may be called from several goroutines.
type Pool struct {
	workers int
	running sync.Mutex          // held by the Run that has the workers
	current atomic.Pointer[job] // the newest job; workers compare it with the one they did last
	asleep  atomic.Int32        // workers that wait on wake
	wake    chan struct{}
	closed  chan struct{}
	close   sync.Once

	lending sync.Mutex
	free    [][]float32 // in the order in which they were given back
}

// New returns a pool of that many workers, the caller of Run among them; 0
// means one for each CPU that Go may use. Close frees the goroutines.
func New(workers int) *Pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &Pool{workers: workers, wake: make(chan struct{}, workers), closed: make(chan struct{})}
	for range workers - 1 {
		go p.work()
	}
	return p
}

// Workers is the number of tasks that run at the same time.
func (p *Pool) Workers() int { return p.workers }

// Close ends the workers, and forgets the memory that it lends. A Run after Close does all of its
// tasks in the caller.
func (p *Pool) Close() {
	p.close.Do(func() { close(p.closed) })
	p.lending.Lock()
	defer p.lending.Unlock()
	p.free = nil
}

// Run calls f(0) to f(n-1), each once, in no certain order, and returns when
// all have returned. The caller does its share. A Run inside a task, or beside
// another Run, does its tasks in its caller. If a task panics, the tasks not
// yet begun are dropped and Run panics with the same value.
func (p *Pool) Run(n int, f func(task int)) {
	if n <= 1 || p.workers == 1 || !p.running.TryLock() {
		for task := range n {
			f(task)
		}
		return
	}
	defer p.running.Unlock()
	j := &job{f: f, n: int64(n), done: make(chan struct{})}
	j.left.Store(int64(n))
	p.current.Store(j)
	for range min(int(p.asleep.Load()), n-1) {
		select {
		case p.wake <- struct{}{}:
		default: // as many calls as there are workers are under way already
		}
	}
	j.help()
	j.wait()
	j.f = nil // it holds what it works on, and the workers hold the job until the next
	if j.panicked.Load() {
		panic(j.reason)
	}
}

// work does jobs until the pool is closed.
func (p *Pool) work() {
	var last *job
	for {
		j := p.next(last)
		if j == nil {
			return
		}
		j.help()
		last = j
	}
}

// next waits for a job other than last; nil means that the pool is closed.
func (p *Pool) next(last *job) *job {
	for {
		if spin(func() bool { return p.current.Load() != last }) {
			return p.current.Load()
		}
		p.asleep.Add(1)
		if j := p.current.Load(); j != last { // posted before we counted as asleep
			p.asleep.Add(-1)
			return j
		}
		select {
		case <-p.wake:
			p.asleep.Add(-1)
		case <-p.closed:
			return nil
		}
	}
}

// spin polls ready for some ten microseconds, letting other goroutines run.
func spin(ready func() bool) bool {
	for range 100 {
		for range 30 {
			if ready() {
				return true
			}
		}
		runtime.Gosched()
	}
	return false
}

// job is one Run.
type job struct {
	f    func(int)
	n    int64
	next atomic.Int64 // the first task not yet claimed
	left atomic.Int64 // tasks not yet ended
	done chan struct{}

	panicked atomic.Bool
	once     sync.Once
	reason   any // what the first panicking task panicked with
}

// help does tasks until none is left to claim.
func (j *job) help() {
	for {
		task := j.next.Add(1) - 1
		if task >= j.n {
			return
		}
		j.do(int(task))
	}
}

func (j *job) do(task int) {
	defer func() {
		if reason := recover(); reason != nil {
			j.once.Do(func() { j.reason = reason })
			j.panicked.Store(true)
		}
		if j.left.Add(-1) == 0 {
			close(j.done)
		}
	}()
	if !j.panicked.Load() {
		j.f(task)
	}
}

// wait returns when all tasks have ended.
func (j *job) wait() {
	if !spin(func() bool { return j.left.Load() == 0 }) {
		<-j.done
	}
}

// Borrow lends n floats of memory with unknown contents, for one task or call:
// the smallest piece that is large enough; of equals the one given back last,
// which is likely to be in the worker's cache.
func (p *Pool) Borrow(n int) []float32 {
	p.lending.Lock()
	defer p.lending.Unlock()
	fit, largest := -1, -1
	for i, b := range p.free {
		if cap(b) >= n && (fit < 0 || cap(b) <= cap(p.free[fit])) {
			fit = i
		}
		if largest < 0 || cap(b) > cap(p.free[largest]) {
			largest = i
		}
	}
	if fit >= 0 {
		b := p.free[fit]
		p.free = slices.Delete(p.free, fit, fit+1)
		return b[:n]
	}
	if largest >= 0 { // the new piece serves in its place
		p.free = slices.Delete(p.free, largest, largest+1)
	}
	return page.Scarce(n)
}

// Return gives borrowed memory back.
func (p *Pool) Return(b []float32) {
	p.lending.Lock()
	defer p.lending.Unlock()
	p.free = append(p.free, b)
}
