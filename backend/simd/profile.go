package simd

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// OpTime is the time that a kind of step took since StartProfile, and the work
// that it did.
type OpTime struct {
	Name  string // such as "conv forward"
	Shape string // of what it worked on
	Calls int
	Time  time.Duration
	Flops float64 // of products; 0 for what is bound by memory
	Bytes float64 // of operands and results, each counted once
}

// profile adds up the steps of all programs of a backend.
type profile struct {
	mu    sync.Mutex
	times map[[2]string]*OpTime
}

// StartProfile begins to time every step of every program, from zero.
func (b *Backend) StartProfile() { b.profile.Store(&profile{times: map[[2]string]*OpTime{}}) }

// Profile returns what ran since StartProfile, the longest first, and stops.
func (b *Backend) Profile() []OpTime {
	p := b.profile.Swap(nil)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []OpTime
	for _, t := range p.times {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b OpTime) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Shape, b.Shape))
	})
	return out
}

// run runs a step and counts it.
func (p *profile) run(s *step, m *memory) {
	start := time.Now()
	s.run(m)
	took := time.Since(start)
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{s.name, s.shape}
	t := p.times[key]
	if t == nil {
		t = &OpTime{Name: s.name, Shape: s.shape}
		p.times[key] = t
	}
	t.Calls++
	t.Time += took
	t.Flops += s.flops
	t.Bytes += s.bytes
}
