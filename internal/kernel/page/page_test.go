package page

import "testing"

func TestFloatsAreZeroAndWritable(t *testing.T) {
	for _, n := range []int{0, 1, size/4 - 1, size / 2, 5*size/4 + 3, 4 * size} {
		b := Floats(n)
		if len(b) != n {
			t.Fatalf("%d floats, want %d", len(b), n)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("float %d of %d is %g", i, n, b[i])
			}
			b[i] = 1
		}
	}
}
