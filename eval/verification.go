package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Verification asks of every pair of images whether they are of one class, by
// whether their cosine, rounded to a multiple of 2^-20, is at least a threshold. A
// pair of one class that passes is a true accept, one of two classes a false
// accept; TAR and FAR are their shares of the pairs of either kind.
//
//	AUC     = P(s⁺ > s⁻) + P(s⁺ = s⁻)/2 for a pair of one class and one of two
//	TAR@FAR = the largest TAR at a threshold whose FAR is no larger
//	EER     = the error where 1 - TAR = FAR, on the line between the thresholds around it
//
// All N (N-1) / 2 pairs count, once.
type Verification struct {
	// FAR are the rates of TAR@FAR, falling, in (0, 1).
	FAR []float64
}

// DefaultVerification has the rates 0.1, 0.01 and 0.001.
func DefaultVerification() Verification { return Verification{[]float64{1e-1, 1e-2, 1e-3}} }

// Validate checks all fields.
func (m Verification) Validate() error {
	last := 1.0
	for _, far := range m.FAR {
		if !(far > 0 && far < last) {
			return fmt.Errorf("far %g: rates must fall, between 1 and 0", m.FAR)
		}
		last = far
	}
	return nil
}

// bins is the number of cosines that are told apart, from -1 to 1.
const bins = 1<<21 + 1

// Pairs counts pairs of images by their rounded cosine: 32 MB, however many.
type Pairs struct{ same, other [bins]int64 }

// bin is the place of a cosine.
func bin(cosine float32) int {
	return int(math.RoundToEven((max(-1, min(1, float64(cosine))) + 1) * (1 << 20)))
}

// Count counts all pairs of the images. Time is O(N² D); memory is a copy of the
// features and 100 MB. No count depends on the number of workers.
func (m Verification) Count(ctx context.Context, images *Features) (*Pairs, error) {
	if _, err := checkPair(images, images); err != nil {
		return nil, wrap("verification", err)
	}
	return countPairs(ctx, images, 512)
}

func countPairs(ctx context.Context, f *Features, block int) (*Pairs, error) {
	p := pool.New(0)
	defer p.Close()
	x := nearest.Unit(p, nearest.Rows{N: f.N, D: f.D, Data: f.Data})
	all := &Pairs{}
	scores := make([]float32, block*block)
	places := make([]int32, block*block)
	for i := 0; i < f.N; i += block {
		for j := 0; j <= i; j += block {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			h, w := min(block, f.N-i), min(block, f.N-j)
			gemm.Run(p, cpu.Detect(), &gemm.Args{
				M: h, N: w, K: f.D,
				A: x.Data[i*f.D:], LDA: f.D,
				B: x.Data[j*f.D:], LDB: f.D, TransB: true,
				C: scores, LDC: w,
			})
			p.Run(h, func(a int) {
				for b := range w {
					places[a*w+b] = int32(bin(scores[a*w+b]))
				}
			})
			for a := range h {
				for b := range min(w, i+a-j) { // each pair once
					if place := places[a*w+b]; f.Labels[i+a] == f.Labels[j+b] {
						all.same[place]++
					} else {
						all.other[place]++
					}
				}
			}
		}
	}
	return all, nil
}

// Scores returns auc, eer and tar@far=F for every rate, with their protocols. The
// caller adds the subject. There are no intervals: pairs share images.
func (m Verification) Scores(ctx context.Context, images *Features) ([]Score, error) {
	if err := m.Validate(); err != nil {
		return nil, wrap("verification", err)
	}
	pairs, err := m.Count(ctx, images)
	if err != nil {
		return nil, err
	}
	return m.scores(images, pairs)
}

// errOneKind marks images that have no pairs of one of the two kinds.
var errOneKind = errors.New("verification: needs pairs of one class and pairs of two")

func (m Verification) scores(images *Features, pairs *Pairs) ([]Score, error) {
	roc, err := pairs.measure(m.FAR)
	if err != nil {
		return nil, err
	}
	classes, _ := checkPair(images, images)
	base := Score{Protocol: protocol(images, images, classes)}
	base.Protocol.Normalisation = "l2"
	base.Protocol.Variant = "all pairs once, cosine rounded to 2^-20"
	base.Notes = []string{"no interval: pairs share images"}
	var scores []Score
	add := func(metric string, value float64) {
		s := base
		s.Metric, s.Value = metric, value
		scores = append(scores, s)
	}
	add("auc", roc.AUC)
	add("eer", roc.EER)
	for i, far := range m.FAR {
		add(fmt.Sprintf("tar@far=%g", far), roc.TAR[i])
	}
	return scores, nil
}

// ROC is what the curve of TAR over FAR says.
type ROC struct {
	AUC, EER float64
	TAR      []float64 // for each rate asked for
}

// measure goes through the thresholds from the largest down.
func (p *Pairs) measure(rates []float64) (ROC, error) {
	var positives, negatives int64
	for i := range bins {
		positives, negatives = positives+p.same[i], negatives+p.other[i]
	}
	if positives == 0 || negatives == 0 {
		return ROC{}, errOneKind
	}
	roc := ROC{TAR: make([]float64, len(rates))}
	tar, far, crossed := 0.0, 0.0, false
	var accepted, wrong int64
	for i := bins - 1; i >= 0; i-- {
		if p.same[i] == 0 && p.other[i] == 0 {
			continue
		}
		accepted, wrong = accepted+p.same[i], wrong+p.other[i]
		t, f := float64(accepted)/float64(positives), float64(wrong)/float64(negatives)
		roc.AUC += (f - far) * (tar + t) / 2
		if miss := 1 - t; !crossed && f >= miss {
			before, after := (1-tar)-far, f-miss // both at least 0, not both 0
			share := before / (before + after)
			roc.EER, crossed = far+share*(f-far), true
		}
		for j, rate := range rates {
			if f <= rate {
				roc.TAR[j] = t
			}
		}
		tar, far = t, f
	}
	return roc, nil
}
