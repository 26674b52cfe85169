package sampler

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"alike/internal/rng"
)

// PK draws P classes with K images each, as losses over labels need them. An epoch
// is ⌊C/P⌋ batches of P K draws: the C classes in an order of its own, P at a time,
// without the last C mod P, which are others in each epoch. The K images of a class
// are drawn anew each time, without replacement; a class of n < K images has each of
// its images ⌊K/n⌋ times, and K mod n of them once more. So do the authors of the
// Ranked List Loss, whose code ICE's is a sister of. Images without a class are
// never drawn.
//
// Draws p K, ..., p K + K - 1 of a batch share a class.
type PK struct {
	p, k    int
	classes [][]int // the images of each class that has any
	seed    uint64

	mu    sync.Mutex
	epoch int // whose order is kept
	order []int
}

// NewPK returns the sampler of p classes with k images each. labels has the class
// of each image, -1 for none.
func NewPK(labels []int, p, k int, seed uint64) (*PK, error) {
	if p < 1 || k < 1 {
		return nil, fmt.Errorf("batches of %d classes x %d images: must be at least 1 each", p, k)
	}
	by := map[int][]int{}
	for i, l := range labels {
		if l >= 0 {
			by[l] = append(by[l], i)
		}
	}
	s := &PK{p: p, k: k, seed: seed, epoch: -1}
	for _, l := range slices.Sorted(maps.Keys(by)) {
		s.classes = append(s.classes, by[l])
	}
	if p > len(s.classes) {
		return nil, fmt.Errorf("batches of %d classes: there are only %d with labelled images", p, len(s.classes))
	}
	return s, nil
}

// Steps is the number of batches in an epoch.
func (s *PK) Steps() int { return len(s.classes) / s.p }

// Small is the number of classes with fewer than K images, which repeat some.
func (s *PK) Small() (n int) {
	for _, images := range s.classes {
		if len(images) < s.k {
			n++
		}
	}
	return n
}

// String says what is drawn, for people.
func (s *PK) String() string {
	text := fmt.Sprintf("%d of %d classes x %d images a batch, %d batches an epoch", s.p, len(s.classes), s.k, s.Steps())
	if n := s.Small(); n > 0 {
		text += fmt.Sprintf("; %d classes have fewer than %d images and repeat them", n, s.k)
	}
	return text
}

// Batch implements Sampler. Epoch and Position count draws, not images.
func (s *PK) Batch(step int, dst []Draw) []Draw {
	epoch, batch := step/s.Steps(), step%s.Steps()
	dst = dst[:0]
	for _, class := range s.orderOf(epoch)[batch*s.p:][:s.p] {
		images := s.classes[class]
		order := rng.New(rng.Shuffle, s.seed, uint64(epoch), uint64(class)).Perm(len(images))
		for i := range s.k {
			dst = append(dst, Draw{images[order[i%len(order)]], epoch, batch*s.p*s.k + len(dst)})
		}
	}
	return dst
}

// orderOf is the permutation of the classes in an epoch.
func (s *PK) orderOf(epoch int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		s.order = rng.New(rng.Shuffle, s.seed, uint64(epoch)).Perm(len(s.classes))
		s.epoch = epoch
	}
	return s.order
}
