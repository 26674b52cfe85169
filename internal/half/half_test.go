package half

import (
	"math"
	"testing"
)

func TestValue(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.33325195, 0x7bff: 65504, 0x0001: 0x1p-24, 0x03ff: 1023 * 0x1p-24, 0x0400: 0x1p-14,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := Value(bits); got != want {
			t.Errorf("%#04x is %g, want %g", bits, got, want)
		}
	}
	if x := Value(0x7e00); x == x {
		t.Errorf("0x7e00 is %g, want NaN", x)
	}
}

// TestBitsRoundsToNearestEven takes every number, what lies half way to the next, and the float32
// on both sides of it.
func TestBitsRoundsToNearestEven(t *testing.T) {
	const infinite = 0x7c00
	for i := range uint16(infinite) {
		for _, sign := range []uint16{0, 0x8000} {
			x := Value(i | sign)
			next := float64(Value((i + 1) | sign))
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
	if b := Bits(float32(math.NaN())); Value(b) == Value(b) {
		t.Errorf("NaN is %#04x", b)
	}
}
