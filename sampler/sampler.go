// Package sampler chooses which images make a batch.
package sampler

import (
	"fmt"
	"sync"

	"alike/internal/rng"
)

// Draw is one image of a batch. Epoch and Position, its place in the epoch's
// draw list, key its random augmentation.
type Draw struct{ Index, Epoch, Position int }

// Sampler chooses the images of each step. What it chooses depends on the step
// alone, so that a resumed run goes on exactly. Goroutines may share it.
type Sampler interface {
	// Batch returns the draws of a step, counted from 0, in dst if it is large enough.
	Batch(step int, dst []Draw) []Draw
}

// Shuffled draws every image once an epoch, in an order of its own for each
// epoch. Batches run on across epoch ends: no image is dropped, no batch short.
type Shuffled struct {
	images, batch int
	seed          uint64

	mu    sync.Mutex
	epoch int // whose order is kept
	order []int
}

// NewShuffled returns the sampler of batches of batch images out of images.
func NewShuffled(images, batch int, seed uint64) (*Shuffled, error) {
	if batch < 1 || batch > images {
		return nil, fmt.Errorf("batch of %d images out of %d: must be between 1 and %d", batch, images, images)
	}
	return &Shuffled{images: images, batch: batch, seed: seed, epoch: -1}, nil
}

// Batch implements Sampler.
func (s *Shuffled) Batch(step int, dst []Draw) []Draw {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = dst[:0]
	for i := range s.batch {
		at := step*s.batch + i
		epoch, position := at/s.images, at%s.images
		dst = append(dst, Draw{s.orderOf(epoch)[position], epoch, position})
	}
	return dst
}

// orderOf is the permutation of an epoch (Fisher and Yates).
func (s *Shuffled) orderOf(epoch int) []int {
	if s.epoch != epoch {
		s.order = rng.New(rng.Shuffle, s.seed, uint64(epoch)).Perm(s.images)
		s.epoch = epoch
	}
	return s.order
}
