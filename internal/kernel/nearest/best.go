package nearest

import (
	"math"
	"math/bits"
	"slices"

	"alike/internal/kernel/cpu"
)

// best keeps the k nearest of a stream of scores, and with a margin all that are no
// further below the k-th than that. It collects whatever exceeds the k-th best score
// known so far, less the margin, and thins the collection out when it is
// full: so nearly all scores cost one comparison, and the rest O(1).
type best struct {
	k      int
	margin float32
	floor  float32  // a later score that is no larger is not wanted
	keys   []uint64 // collected; see key
	near   []Neighbour
}

const chunk = 256 // scores compared with one floor

// room is how many scores are collected beyond k before they are thinned out, which
// takes time O(k + room): so each costs O(1).
func room(k int) int { return max(384, k) }

// reset forgets all scores, to keep the k nearest of others, with a margin ≥ 0.
func (b *best) reset(k int, margin float32) {
	b.k, b.margin, b.floor = k, margin, float32(math.Inf(-1))
	if cap(b.keys) < k+room(k) {
		b.keys = make([]uint64, 0, k+room(k))
	}
	b.keys = b.keys[:0]
}

// offer considers scores of the rows first, first+1, ... of the bank. Rows are
// to be offered in order: so a later row never precedes an equal earlier one.
func (b *best) offer(lv cpu.Level, first int, scores []float32) {
	var found [chunk]int32
	for len(scores) > 0 {
		part := scores[:min(chunk, len(scores))]
		n := above(lv, found[:], part, b.floor)
		for _, i := range found[:n] {
			if s := part[i]; s > b.floor {
				b.collect(key(s, first+int(i)))
			}
		}
		first, scores = first+len(part), scores[len(part):]
	}
}

func (b *best) collect(key uint64) {
	b.keys = append(b.keys, key)
	if len(b.keys) == cap(b.keys) {
		b.thin()
		if free := cap(b.keys) - len(b.keys); free < room(b.k)/2 { // many are within the margin
			b.keys = slices.Grow(b.keys, len(b.keys))
		}
	}
}

// thin drops all but the k nearest, and those within the margin.
func (b *best) thin() {
	split(b.keys, b.k)
	near, rest := b.keys[:b.k], b.keys[b.k:]
	b.floor = neighbour(slices.Min(near)).Similarity
	if b.margin > 0 {
		b.floor = math.Nextafter32(float32(float64(b.floor)-float64(b.margin)), float32(math.Inf(-1)))
		b.floor = math.Nextafter32(b.floor, float32(math.Inf(-1))) // for the rounding of the difference
		for _, key := range rest {
			if neighbour(key).Similarity > b.floor {
				near = append(near, key)
			}
		}
	}
	b.keys = near
}

// sorted returns the k nearest, nearest first, in memory that the next call
// overwrites.
func (b *best) sorted() []Neighbour {
	if len(b.keys) > b.k {
		b.thin()
	}
	slices.Sort(b.keys)
	b.near = b.near[:0]
	for _, k := range slices.Backward(b.keys) {
		b.near = append(b.near, neighbour(k))
	}
	return b.near
}

// key packs a score and its row into an integer that is larger the nearer the
// row is: the score's bits in an order that integers share, then the
// complement of the row, so that of equal scores the lower row is nearer.
func key(score float32, row int) uint64 {
	bits := math.Float32bits(score + 0) // -0 is 0
	if bits>>31 == 0 {
		bits |= 1 << 31
	} else {
		bits = ^bits
	}
	return uint64(bits)<<32 | uint64(^uint32(row))
}

// neighbour is the inverse of key.
func neighbour(key uint64) Neighbour {
	bits := uint32(key >> 32)
	if bits>>31 == 1 {
		bits &^= 1 << 31
	} else {
		bits = ^bits
	}
	return Neighbour{Index: int(^uint32(key)), Similarity: math.Float32frombits(bits)}
}

// split reorders the keys, which are distinct, so that the k largest come
// first: quickselect with the median of three as pivot. The partition has no
// branch that depends on the keys; mispredicted, one would cost most of the time.
func split(keys []uint64, k int) {
	for len(keys) > 2 && 0 < k && k < len(keys) {
		last := len(keys) - 1
		pivot := median(keys[0], keys[last/2], keys[last])
		larger := 0 // keys[:larger] > pivot ≥ keys[larger:i]
		for i, key := range keys {
			keys[i], keys[larger] = keys[larger], key
			_, more := bits.Sub64(pivot, key, 0) // 1 if key > pivot
			larger += int(more)
		}
		if k <= larger {
			keys = keys[:larger]
		} else {
			keys, k = keys[larger:], k-larger
		}
	}
	if len(keys) == 2 {
		keys[0], keys[1] = max(keys[0], keys[1]), min(keys[0], keys[1])
	}
}

func median(a, b, c uint64) uint64 {
	return max(min(a, b), min(max(a, b), c))
}
