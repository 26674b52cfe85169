// Package rng is the product's counter-based randomness. A stream is a pure
// function of its key, so neither the number of workers nor a restart can
// change what is drawn.
package rng

import "math/rand/v2"

// Purposes keep streams apart that would otherwise share a key.
const (
	Shuffle   uint64 = iota + 1 // the order of an epoch
	View                        // the augmentation of one view
	Init                        // initial weights
	Sprite                      // a built-in image
	Split                       // splits, subsets
	Bootstrap                   // which queries a resample holds
	Cluster                     // where clusters begin
	Classes                     // which classes a share of them holds
	Noise                       // the values that a noisy view gets
	Layout                      // where points of a map begin, and what repels them
	Level                       // the highest layer of a node of a graph
)

// Stream is a random stream that can be re-keyed without allocation. It is
// not for sharing between goroutines.
type Stream struct {
	*rand.Rand
	pcg rand.PCG
}

// New returns the stream of the key: a purpose, then what identifies the
// draw, for a view (View, seed, epoch, position, view).
func New(key ...uint64) *Stream {
	s := &Stream{}
	s.Rand = rand.New(&s.pcg)
	s.Reset(key...)
	return s
}

// Reset puts the stream at the beginning of the stream of another key.
func (s *Stream) Reset(key ...uint64) {
	// Two differently started chains of SplitMix64 steps: each absorbs one
	// word of the key, so every word reaches all 128 bits of the state.
	a, b := uint64(0x9e3779b97f4a7c15), uint64(0xd1b54a32d192ed03)
	for _, k := range key {
		a = mix(a ^ k)
		b = mix(b + k)
	}
	s.pcg.Seed(a, b)
}

// mix is SplitMix64's step (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
