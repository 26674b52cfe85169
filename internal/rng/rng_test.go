package rng

import "testing"

func TestStreamIsAFunctionOfItsKey(t *testing.T) {
	a, b := New(View, 1, 2, 3, 0), New(View, 9)
	b.Float64()
	b.Reset(View, 1, 2, 3, 0)
	for i := range 100 {
		if x, y := a.Uint64(), b.Uint64(); x != y {
			t.Fatalf("draw %d: %d and %d", i, x, y)
		}
	}
}

func TestKeysDoNotCollide(t *testing.T) {
	seen := map[uint64][4]uint64{}
	s := New()
	for purpose := range uint64(3) {
		for seed := range uint64(10) {
			for position := range uint64(100) {
				for view := range uint64(4) {
					key := [4]uint64{purpose, seed, position, view}
					s.Reset(key[:]...)
					x := s.Uint64()
					if other, ok := seen[x]; ok {
						t.Fatalf("keys %v and %v draw the same", key, other)
					}
					seen[x] = key
				}
			}
		}
	}
}

func TestResetDoesNotAllocate(t *testing.T) {
	s := New(View)
	if n := testing.AllocsPerRun(100, func() { s.Reset(View, 1, 2, 3, 4); s.Float64() }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
