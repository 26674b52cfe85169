package sampler

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

// sized returns the labels of classes with so many images each, interleaved, and
// some images without a class.
func sized(sizes ...int) (labels []int) {
	for round := range slices.Max(sizes) {
		for class, n := range sizes {
			if round < n {
				labels = append(labels, class)
			}
		}
		labels = append(labels, -1)
	}
	return labels
}

func newPK(t *testing.T, labels []int, p, k int, seed uint64) *PK {
	t.Helper()
	s, err := NewPK(labels, p, k, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBatchesArePClassesOfKImages(t *testing.T) {
	const p, k = 3, 4
	labels := sized(9, 4, 5, 2, 30, 4, 6, 1)
	s := newPK(t, labels, p, k, 1)
	for step := range 40 {
		draws := s.Batch(step, nil)
		if len(draws) != p*k {
			t.Fatalf("step %d draws %d images", step, len(draws))
		}
		classes := map[int]bool{}
		for g := range p {
			group := draws[g*k : (g+1)*k]
			class, times := labels[group[0].Index], map[int]int{}
			classes[class] = true
			for i, d := range group {
				times[d.Index]++
				if labels[d.Index] != class || class < 0 {
					t.Fatalf("step %d: draws %d to %d have the classes %d and %d", step, g*k, g*k+i, class, labels[d.Index])
				}
				// Two batches of 3 of the 8 classes are an epoch.
				if at := step%2*p*k + g*k + i; d.Epoch != step/2 || d.Position != at {
					t.Fatalf("step %d: draw %d is at epoch %d position %d, want %d and %d", step, g*k+i, d.Epoch, d.Position, step/2, at)
				}
			}
			n := len(times)
			for _, count := range times {
				if count < k/n || count > (k+n-1)/n {
					t.Fatalf("step %d: an image of class %d is drawn %d times among %d", step, class, count, k)
				}
			}
		}
		if len(classes) != p {
			t.Fatalf("step %d has %d classes", step, len(classes))
		}
	}
}

func TestNoClassTwiceAnEpoch(t *testing.T) {
	labels := sized(3, 3, 3, 3, 3, 3, 3)
	s := newPK(t, labels, 2, 3, 1)
	dropped := map[int]bool{}
	for epoch := range 30 {
		seen := map[int]int{}
		for batch := range s.Steps() {
			for _, d := range s.Batch(epoch*s.Steps()+batch, nil) {
				seen[labels[d.Index]]++
			}
		}
		for class := range 7 {
			if seen[class] == 0 {
				dropped[class] = true
			} else if seen[class] != 3 {
				t.Errorf("epoch %d draws class %d %d times", epoch, class, seen[class])
			}
		}
		if len(seen) != 6 {
			t.Errorf("epoch %d has %d classes, want 6", epoch, len(seen))
		}
	}
	if len(dropped) != 7 {
		t.Errorf("only the classes %v are ever left out", dropped)
	}
}

// TestEveryClassAndImageIsEquallyLikely counts draws: a class is in P of C
// batches' places, an image of a class of n in K of n of those.
func TestEveryClassAndImageIsEquallyLikely(t *testing.T) {
	const p, k, epochs = 2, 2, 8000
	sizes := []int{1, 2, 5, 9, 20}
	labels := sized(sizes...)
	s := newPK(t, labels, p, k, 3)
	images, pairs := make([]float64, len(labels)), map[[2]int]float64{}
	for step := range epochs * s.Steps() {
		draws := s.Batch(step, nil)
		for _, d := range draws {
			images[d.Index]++
		}
		a, b := labels[draws[0].Index], labels[draws[k].Index]
		pairs[[2]int{min(a, b), max(a, b)}]++
	}
	for i, l := range labels {
		if l < 0 {
			if images[i] > 0 {
				t.Errorf("image %d has no class and is drawn", i)
			}
			continue
		}
		// 4 of 5 classes an epoch, K draws among n images.
		want := epochs * 4. / 5 * k / float64(sizes[l])
		if math.Abs(images[i]-want) > 5*math.Sqrt(want) {
			t.Errorf("image %d of class %d is drawn %g times, want %.0f", i, l, images[i], want)
		}
	}
	for pair, n := range pairs { // two of ten pairs an epoch
		if want := epochs * 2. / 10; math.Abs(n-want) > 5*math.Sqrt(want) {
			t.Errorf("classes %d meet %g times, want %.0f", pair, n, want)
		}
	}
	if len(pairs) != 10 {
		t.Errorf("%d pairs of classes meet, want 10", len(pairs))
	}
}

func TestPKDependsOnTheStepAlone(t *testing.T) {
	labels := sized(3, 7, 4, 4, 9, 2, 5)
	a, b, other := newPK(t, labels, 3, 2, 3), newPK(t, labels, 3, 2, 3), newPK(t, labels, 3, 2, 4)
	var want [][]Draw
	for step := range 20 {
		want = append(want, a.Batch(step, nil))
	}
	var wg sync.WaitGroup
	for _, step := range []int{17, 3, 19, 0, 8} {
		wg.Go(func() {
			if got := b.Batch(step, make([]Draw, 1)); !slices.Equal(got, want[step]) {
				t.Errorf("step %d draws %v at once, %v after others", step, got, want[step])
			}
		})
	}
	wg.Wait()
	if slices.Equal(other.Batch(0, nil), want[0]) {
		t.Error("two seeds draw the same")
	}
	if slices.Equal(want[0], want[2]) {
		t.Error("two epochs draw the same")
	}
}

func TestSmallClassesAreSaid(t *testing.T) {
	s := newPK(t, sized(9, 1, 3, 2), 2, 3, 1)
	if want := "2 of 4 classes x 3 images a batch, 2 batches an epoch; 2 classes have fewer than 3 images and repeat them"; s.String() != want || s.Small() != 2 {
		t.Errorf("%q, %d small; want %q", s, s.Small(), want)
	}
	if s := newPK(t, sized(3, 3), 2, 3, 1); strings.Contains(s.String(), "repeat") {
		t.Errorf("%q", s)
	}
}

func TestPKMustFit(t *testing.T) {
	for _, tc := range []struct {
		p, k int
		want string
	}{
		{0, 2, "at least 1 each"},
		{2, 0, "at least 1 each"},
		{3, 2, "there are only 2 with labelled images"},
	} {
		if _, err := NewPK(sized(3, 3), tc.p, tc.k, 1); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d x %d: error %v, want %s", tc.p, tc.k, err, tc.want)
		}
	}
}
