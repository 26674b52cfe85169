package eval

import (
	"context"
	"math"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// bins is the number of cosines that are told apart, from -1 to 1.
const bins = 1<<21 + 1

// bin is the place of a cosine, rounded to even: the sum's last bits count units.
func bin(cosine float32) int {
	const units = 0x1.8p52
	at := int32(math.Float64bits((float64(cosine)+1)*(1<<20) + units))
	return int(max(0, min(bins-1, at)))
}

// Pairs counts pairs of images by their rounded cosine: 32 MB, however many.
type Pairs struct{ same, other [bins]int64 }

// pairBlock are the images whose cosines are formed at once with as many others: 512, fewer where
// vectors of d values are long.
func pairBlock(d int) int { return nearest.Fit(512, d, 4) }

// counters is how many counts are kept at most, of as many workers, before they are added up.
const counters = 4

// eachPair hands every pair of images to visit, once, in blocks: the cosines of image i
// and the images j to j+len(cosines)-1, all below i, and which of so many stripes of the
// block the row belongs to. Rows of one stripe come one after the other, stripes at the
// same time. After each block it calls done, with the first image of its columns.
func eachPair(ctx context.Context, p *pool.Pool, f *Features, block, stripes int, visit func(stripe, i, j int, cosines []float32), done func(j, columns int)) error {
	x := nearest.Unit(p, f.rows())
	cosines := p.Borrow(block * block)
	defer p.Return(cosines)
	for i := 0; i < f.N; i += block {
		for j := 0; j <= i; j += block {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			h, w := min(block, f.N-i), min(block, f.N-j)
			gemm.Run(p, cpu.Detect(), &gemm.Args{
				M: h, N: w, K: f.D,
				A: x.Data[i*f.D:], LDA: f.D,
				B: x.Data[j*f.D:], LDB: f.D, TransB: true,
				C: cosines, LDC: w,
			})
			p.Run(stripes, func(stripe int) {
				for a := stripe; a < h; a += stripes {
					visit(stripe, i+a, j, cosines[a*w:][:min(w, i+a-j)])
				}
			})
			if done != nil {
				done(j, w)
			}
		}
	}
	return nil
}

// countPairs counts all pairs.
func countPairs(ctx context.Context, p *pool.Pool, f *Features, block int) (*Pairs, error) {
	counts := make([]*Pairs, min(counters, p.Workers()))
	for c := range counts {
		counts[c] = &Pairs{}
	}
	err := eachPair(ctx, p, f, block, len(counts), func(stripe, i, j int, cosines []float32) {
		count, class, labels := counts[stripe], f.Labels[i], f.Labels[j:]
		for b, cosine := range cosines {
			if at := bin(cosine); labels[b] == class {
				count.same[at]++
			} else {
				count.other[at]++
			}
		}
	}, nil)
	all := counts[0]
	for _, c := range counts[1:] {
		for at := range bins {
			all.same[at] += c.same[at]
			all.other[at] += c.other[at]
		}
	}
	return all, err
}

// totals are the numbers of pairs of one class and of two.
func (p *Pairs) totals() (positives, negatives int64) {
	for at := range bins {
		positives, negatives = positives+p.same[at], negatives+p.other[at]
	}
	return positives, negatives
}

// ROC is what the curve of TAR over FAR says.
type ROC struct {
	AUC, EER float64
	TAR      []float64 // for each rate asked for

	crossing   int   // the bin of the threshold at which the miss rate comes below FAR
	thresholds []int // the bins of the lowest thresholds whose FAR is no larger than the rates; bins for none
}

// measure goes through the thresholds from the largest down.
func (p *Pairs) measure(rates []float64) (ROC, error) {
	positives, negatives := p.totals()
	if positives == 0 || negatives == 0 {
		return ROC{}, errOneKind
	}
	roc := ROC{TAR: make([]float64, len(rates)), thresholds: make([]int, len(rates))}
	for j := range rates {
		roc.thresholds[j] = bins
	}
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
			roc.EER, roc.crossing, crossed = far+share*(f-far), i, true
		}
		for j, rate := range rates {
			if f <= rate {
				roc.TAR[j], roc.thresholds[j] = t, i
			}
		}
		tar, far = t, f
	}
	return roc, nil
}

// point is where tarWeight·TAR + FAR is as large as a level for the first time, on the
// lines between the thresholds.
func (p *Pairs) point(tarWeight, level float64) (tar, far float64) {
	positives, negatives := p.totals()
	var accepted, wrong int64
	for i := bins - 1; i >= 0; i-- {
		if p.same[i] == 0 && p.other[i] == 0 {
			continue
		}
		accepted, wrong = accepted+p.same[i], wrong+p.other[i]
		t, f := float64(accepted)/float64(positives), float64(wrong)/float64(negatives)
		before, now := tarWeight*tar+far, tarWeight*t+f
		if now >= level {
			share := 1.0
			if now > before {
				share = max(0, level-before) / (now - before)
			}
			return tar + share*(t-tar), far + share*(f-far)
		}
		tar, far = t, f
	}
	return tar, far
}
