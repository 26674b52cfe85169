package hnsw

import "math"

// A beam keeps the best of the rows that a search has seen, best first, and which of them it
// has not been at yet.
type beam struct {
	keys []uint64 // see key; the lowest bit says whether the search has been there
	size int      // at most so many are kept: ef
	next int      // before it, the search has been at all
}

// key packs a similarity and a row into an integer that is larger the better the row is: the
// similarity's bits in an order that integers share, then the complement of the row, so that
// of equal ones the lower row is better; then a bit that is set for a row not yet been at.
func key(similarity float32, row uint32) uint64 {
	bits := math.Float32bits(similarity + 0) // -0 is 0
	if bits>>31 == 0 {
		bits |= 1 << 31
	} else {
		bits = ^bits
	}
	return uint64(bits)<<32 | uint64(^row<<1&^1|1)
}

// rowOf and similarityOf are the inverse of key.
func rowOf(key uint64) uint32 { return ^uint32(key) >> 1 }

func similarityOf(key uint64) float32 {
	bits := uint32(key >> 32)
	if bits>>31 == 1 {
		bits &^= 1 << 31
	} else {
		bits = ^bits
	}
	return math.Float32frombits(bits)
}

func (b *beam) reset(size int) { b.keys, b.size, b.next = b.keys[:0], size, 0 }

// offer keeps a row if it is among the best.
func (b *beam) offer(k uint64) {
	n := len(b.keys)
	if n == b.size {
		if k <= b.keys[n-1] {
			return
		}
		n--
	} else {
		b.keys = append(b.keys, 0)
	}
	low, high := 0, n // the first place whose key is smaller
	for low < high {
		if mid := (low + high) / 2; b.keys[mid] > k {
			low = mid + 1
		} else {
			high = mid
		}
	}
	copy(b.keys[low+1:n+1], b.keys[low:n])
	b.keys[low] = k
	b.next = min(b.next, low)
}

// visit returns the best row that the search has not been at, and marks it.
func (b *beam) visit() (row uint32, ok bool) {
	for ; b.next < len(b.keys); b.next++ {
		if k := b.keys[b.next]; k&1 == 1 {
			b.keys[b.next] = k &^ 1
			b.next++
			return rowOf(k), true
		}
	}
	return 0, false
}
