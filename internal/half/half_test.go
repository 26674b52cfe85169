package half

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes/float16"
)

func value(bits uint16) float32 { return float16.FromBits(bits).Float32() }

// TestBitsRoundsToNearestEven takes every number, what lies half way to the next, and the float32
// on both sides of it.
func TestBitsRoundsToNearestEven(t *testing.T) {
	const infinite = 0x7c00
	for i := range uint16(infinite) {
		for _, sign := range []uint16{0, 0x8000} {
			x := value(i | sign)
			next := float64(value((i + 1) | sign))
			if i+1 == infinite {
				next = math.Copysign(65536, float64(x)) // what comes next, were there room for it
			}
			middle := float32((float64(x) + next) / 2)
			even := i + i%2
			for _, tc := range []struct {
				x    float32
				want uint16
			}{
				{x, i}, {middle, even},
				{math.Nextafter32(middle, x), i}, {math.Nextafter32(middle, float32(next)), i + 1},
			} {
				if got := Bits(tc.x); got != tc.want|sign {
					t.Fatalf("%g is %#04x, want %#04x", tc.x, got, tc.want|sign)
				}
			}
		}
	}
	if b := Bits(float32(math.NaN())); value(b) == value(b) {
		t.Errorf("NaN is %#04x", b)
	}
}
