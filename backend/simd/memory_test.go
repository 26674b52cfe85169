package simd

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPlaceKeepsApartWhatMeets draws lifetimes: no two that meet in a step overlap, and the
// block is no larger than all of them together, nor smaller than what is alive at once.
func TestPlaceKeepsApartWhatMeets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const steps = 12
		var wanted []lifetime
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			first := rapid.IntRange(0, steps-1).Draw(t, "first")
			wanted = append(wanted, lifetime{
				size:  rapid.IntRange(0, 300).Draw(t, "size"),
				first: first,
				last:  rapid.IntRange(first, steps-1).Draw(t, "last"),
			})
		}
		offsets, size := place(wanted)
		total, alive := 0, [steps]int{}
		for i, w := range wanted {
			n := roundUp(w.size)
			total += n
			for s := w.first; s <= w.last; s++ {
				alive[s] += n
			}
			if offsets[i]%line != 0 || offsets[i] < 0 || offsets[i]+n > size {
				t.Fatalf("%d floats at %d in a block of %d", n, offsets[i], size)
			}
			for j, v := range wanted[:i] {
				apart := offsets[i]+n <= offsets[j] || offsets[j]+roundUp(v.size) <= offsets[i]
				if meet := v.first <= w.last && w.first <= v.last; meet && !apart {
					t.Fatalf("%v at %d and %v at %d overlap", w, offsets[i], v, offsets[j])
				}
			}
		}
		for s, n := range alive {
			if size < n {
				t.Fatalf("a block of %d, and %d alive in step %d", size, n, s)
			}
		}
		if size > total {
			t.Fatalf("a block of %d for %d floats in all", size, total)
		}
	})
}

func TestPlaceFillsGapsThatAreLeft(t *testing.T) {
	// The large one is alive where two small ones are not at the same time.
	offsets, size := place([]lifetime{{16, 0, 1}, {64, 1, 3}, {16, 2, 3}})
	if size != 80 || offsets[1] != 0 || offsets[0] != 64 || offsets[2] != 64 {
		t.Errorf("offsets %v in a block of %d, want 64 0 64 of 80", offsets, size)
	}
}
