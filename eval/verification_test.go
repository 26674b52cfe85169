package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/pool"
)

// TestVerificationAgreesWithItsTwin compares all pairs of pairs.
func TestVerificationAgreesWithItsTwin(t *testing.T) {
	for name, f := range map[string]*Features{"no ties": clusters(60, 6, 4, 1.5, 3), "ties": axes(60, 4, 3, 1)} {
		t.Run(name, func(t *testing.T) {
			var same, other []float64
			for i := range f.N {
				for j := range i {
					s := math.RoundToEven(cosine(f.Row(i), f.Row(j))*(1<<20)) / (1 << 20)
					if f.Labels[i] == f.Labels[j] {
						same = append(same, s)
					} else {
						other = append(other, s)
					}
				}
			}
			auc := 0.0
			for _, a := range same {
				for _, b := range other {
					if a > b {
						auc++
					} else if a == b {
						auc += 0.5
					}
				}
			}
			auc /= float64(len(same) * len(other))
			rate := func(scores []float64, threshold float64) float64 {
				n := 0.0
				for _, s := range scores {
					if s >= threshold {
						n++
					}
				}
				return n / float64(len(scores))
			}
			m := Verification{[]float64{0.5, 0.1, 0.01}}
			tar := make([]float64, len(m.FAR))
			for _, threshold := range append(same, other...) {
				for i, far := range m.FAR {
					if rate(other, threshold) <= far {
						tar[i] = max(tar[i], rate(same, threshold))
					}
				}
			}
			want := map[string]float64{"auc": auc}
			for i, far := range m.FAR {
				want[fmt.Sprintf("tar@far=%g", far)] = tar[i]
			}
			scores, err := m.Scores(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range scores {
				if w, ok := want[s.Metric]; ok && !(math.Abs(s.Value-w) < 1e-5) {
					t.Errorf("%s is %g, want %g", s.Metric, s.Value, w)
				}
			}
		})
	}
}

func TestBinsRoundToEven(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	cosines := []float32{-1, 1, 0, -1.0000002, 1.0000002, 0x1p-21, 0x1.8p-20, -0x1p-21, 1e-30, -1e-30}
	for range 10_000 {
		cosines = append(cosines, 2*random.Float32()-1)
	}
	for _, c := range cosines {
		if got, want := bin(c), int(math.RoundToEven((max(-1, min(1, float64(c)))+1)*(1<<20))); got != want {
			t.Errorf("the bin of %g is %d, want %d", c, got, want)
		}
	}
}

func TestEqualErrorRateByHand(t *testing.T) {
	var p Pairs
	p.same[bin(0.9)], p.same[bin(0.5)], p.same[bin(0.1)] = 1, 2, 1
	p.other[bin(0.7)], p.other[bin(0.1)] = 1, 3
	roc, err := p.measure([]float64{0.25, 0.2})
	if err != nil {
		t.Fatal(err)
	}
	// Thresholds: 0.9 has TAR 1/4, FAR 0; 0.7: 1/4, 1/4; 0.5: 3/4, 1/4, where both errors are 1/4.
	if roc.EER != 0.25 || roc.TAR[0] != 0.75 || roc.TAR[1] != 0.25 {
		t.Errorf("%+v", roc)
	}
}

func TestPairsDependOnNoBlocks(t *testing.T) {
	f := clusters(130, 5, 3, 1, 7)
	type result struct {
		pairs  *Pairs
		images []uint64
	}
	collect := func(workers, block int) (r result) {
		p := pool.New(workers)
		defer p.Close()
		var err error
		if r.pairs, err = countPairs(t.Context(), p, f, block); err != nil {
			t.Fatal(err)
		}
		in := newInfluence(f.N, r.pairs, []int{bin(-0.1), bin(0.3)})
		if err = in.collect(t.Context(), p, f, block); err != nil {
			t.Fatal(err)
		}
		r.images = in.images
		return r
	}
	want := collect(1, 512)
	for _, workers := range []int{1, 3} {
		for _, block := range []int{1, 17, 64, 130} {
			if got := collect(workers, block); *got.pairs != *want.pairs || !slices.Equal(got.images, want.images) {
				t.Errorf("%d workers and blocks of %d count otherwise", workers, block)
			}
		}
	}
	one := f.Select([]int{0, 1})
	one.Labels = []int{0, 0}
	if _, err := DefaultVerification().Scores(t.Context(), one); !errors.Is(err, errOneKind) {
		t.Errorf("error %v", err)
	}
}

// weighted measures the pairs of images that count so many times each.
func (m Verification) weighted(f *Features, cosines [][]float64, weights []int) map[string]float64 {
	pairs := &Pairs{}
	for i := range f.N {
		for j := range i {
			if n := int64(weights[i] * weights[j]); f.Labels[i] == f.Labels[j] {
				pairs.same[bin(float32(cosines[i][j]))] += n
			} else {
				pairs.other[bin(float32(cosines[i][j]))] += n
			}
		}
	}
	roc, err := pairs.measure(m.FAR)
	if err != nil {
		panic(err)
	}
	values := map[string]float64{"auc": roc.AUC, "eer": roc.EER}
	for j, far := range m.FAR {
		values[fmt.Sprintf("tar@far=%g", far)] = roc.TAR[j]
	}
	return values
}

// TestIntervalsAreThoseOfABootstrap counts the pairs of resampled images anew.
func TestIntervalsAreThoseOfABootstrap(t *testing.T) {
	if testing.Short() {
		t.Skip("counts all pairs hundreds of times")
	}
	for name, f := range map[string]*Features{"few large classes": clusters(300, 8, 4, 1.2, 3), "many small classes": clusters(300, 8, 60, 0.9, 4)} {
		t.Run(name, func(t *testing.T) {
			cosines := make([][]float64, f.N)
			for i := range cosines {
				for j := range i {
					cosines[i] = append(cosines[i], cosine(f.Row(i), f.Row(j)))
				}
			}
			m := Verification{[]float64{0.2, 0.05}}
			random, resampled := rand.New(rand.NewPCG(1, 1)), map[string][]float64{}
			for range 250 {
				weights := make([]int, f.N)
				for range f.N {
					weights[random.IntN(f.N)]++
				}
				for metric, v := range m.weighted(f, cosines, weights) {
					resampled[metric] = append(resampled[metric], v)
				}
			}
			scores, err := m.Scores(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range scores {
				got, want := (s.CI95[1]-s.CI95[0])/2, 1.96*deviation(resampled[s.Metric])
				t.Logf("%s %.4f ± %.4f, the bootstrap's ± %.4f", s.Metric, s.Value, got, want)
				if !(math.Abs(got-want) < 0.2*want) {
					t.Errorf("%s is %g ± %g, the bootstrap's interval ± %g", s.Metric, s.Value, got, want)
				}
			}
		})
	}
}

func TestWhatNoImageChangesHasNoInterval(t *testing.T) {
	f := &Features{N: 4, D: 2, Data: []float32{1, 0, 1, 0, 0, 1, 0, 1}, Labels: []int{0, 0, 1, 1}}
	scores, err := DefaultVerification().Scores(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		if s.CI95 != nil || len(s.Notes) != 1 {
			t.Errorf("%s %g has the interval %v and the notes %q", s.Metric, s.Value, s.CI95, s.Notes)
		}
	}
}
