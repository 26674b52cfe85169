package sampler

import (
	"slices"
	"testing"
)

func TestEveryImageOnceAnEpoch(t *testing.T) {
	const images, batch = 103, 10
	s, err := NewShuffled(images, batch, 7)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[2]int]int{} // (epoch, image)
	for step := range 2 * images / batch * 2 {
		for i, d := range s.Batch(step, nil) {
			if at := step*batch + i; d.Epoch != at/images || d.Position != at%images {
				t.Fatalf("step %d draw %d is at epoch %d position %d", step, i, d.Epoch, d.Position)
			}
			seen[[2]int{d.Epoch, d.Index}]++
		}
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("epoch %d draws image %d %d times", key[0], key[1], n)
		}
	}
	for i := range images {
		if seen[[2]int{0, i}] != 1 || seen[[2]int{1, i}] != 1 {
			t.Errorf("image %d is missing from an epoch", i)
		}
	}
}

func TestDrawsDependOnTheStepAlone(t *testing.T) {
	a, _ := NewShuffled(50, 8, 3)
	b, _ := NewShuffled(50, 8, 3)
	other, _ := NewShuffled(50, 8, 4)
	for step := range 40 {
		a.Batch(step, nil)
	}
	if x, y := a.Batch(17, nil), b.Batch(17, nil); !slices.Equal(x, y) {
		t.Errorf("step 17 draws %v after other steps, %v at once", x, y)
	}
	if slices.Equal(a.Batch(0, nil), other.Batch(0, nil)) {
		t.Error("two seeds draw the same")
	}
}

func TestBatchMustFit(t *testing.T) {
	for _, batch := range []int{0, -1, 11} {
		if _, err := NewShuffled(10, batch, 1); err == nil {
			t.Errorf("batch of %d out of 10 is accepted", batch)
		}
	}
}
