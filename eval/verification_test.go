package eval

import (
	"errors"
	"fmt"
	"math"
	"testing"
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

func TestCountsDependOnNoBlocks(t *testing.T) {
	f := clusters(130, 5, 3, 1, 7)
	want, err := countPairs(t.Context(), f, 512)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range []int{1, 17, 64, 130} {
		if got, err := countPairs(t.Context(), f, block); err != nil || *got != *want {
			t.Errorf("blocks of %d count otherwise: %v", block, err)
		}
	}
	one := f.Select([]int{0, 1})
	one.Labels = []int{0, 0}
	if _, err := DefaultVerification().Scores(t.Context(), one); !errors.Is(err, errOneKind) {
		t.Errorf("error %v", err)
	}
}
