package eval

import (
	"context"
	"math"
	"slices"

	"alike/internal/kernel/pool"
)

// A bootstrap over images draws them with replacement: image i counts w_i times, and a
// pair w_i w_j times, so that pairs which share an image change together. To count 2·10^10
// pairs a thousand times is out of reach. But to first order a measure θ changes by
// Σ (w_i - 1) I_i, where the influence I_i of an image is what θ gains, per weight, if it
// counts more; over all resamples that has the standard deviation √(Σ I_i²) (the
// infinitesimal jackknife, Jaeckel 1972, Efron 1982). Of a share θ of the P pairs of a
// kind, of n_i pairs with image i of which a_i are among them,
//
//	I_i = (a_i - θ n_i) / P
//
// AUC is such a share of both kinds: a pair of one class counts with the share of the
// pairs of two that have a smaller cosine, and half of those that have the same, and the
// other way round. TAR at a FAR and EER follow TAR and FAR at their threshold, which moves
// so that FAR stays at the rate, or at the miss rate. How they change together on
// that way is the slope of the ROC, between where the bootstrap moves the threshold to.

// influence collects what an image says of the measures: for its pairs of one class, then for
// those of two, the sum of the shares of the other kind that they win against, and how many
// there are in each of the levels that the thresholds part.
type influence struct {
	wins   [2][]uint32 // for each bin, in units of 2^-31: integers, so that sums have no order
	level  []uint8     // for each bin, how many thresholds it reaches
	levels int
	images []uint64 // [N, 2, 1+levels]
}

const shareUnit = 1 << 31

// newInfluence prepares for thresholds, given as rising bins without doubles.
func newInfluence(n int, pairs *Pairs, thresholds []int) *influence {
	positives, negatives := pairs.totals()
	f := &influence{level: make([]uint8, bins), levels: len(thresholds) + 1}
	f.wins[0], f.wins[1] = make([]uint32, bins), make([]uint32, bins)
	f.images = make([]uint64, n*f.stride())
	var below, worse int64 // pairs of two classes and of one with smaller cosines
	for at := range bins {
		f.wins[0][at] = uint32(math.Round((float64(below) + float64(pairs.other[at])/2) / float64(negatives) * shareUnit))
		f.wins[1][at] = uint32(math.Round((float64(positives-worse) - float64(pairs.same[at])/2) / float64(positives) * shareUnit))
		below, worse = below+pairs.other[at], worse+pairs.same[at]
		for f.level[at] = 0; int(f.level[at]) < len(thresholds) && at >= thresholds[f.level[at]]; {
			f.level[at]++
		}
	}
	return f
}

// stride is the length of an image's row.
func (f *influence) stride() int { return 2 * (1 + f.levels) }

// collect goes through all pairs.
func (f *influence) collect(ctx context.Context, p *pool.Pool, images *Features, block int) error {
	stride, half := f.stride(), 1+f.levels
	columns := make([][]uint64, min(counters, p.Workers())) // of a block, for each stripe
	for s := range columns {
		columns[s] = make([]uint64, min(block, images.N)*stride)
	}
	return eachPair(ctx, p, images, block, len(columns), func(stripe, i, j int, cosines []float32) {
		row, column := f.images[i*stride:(i+1)*stride], columns[stripe]
		class, labels := images.Labels[i], images.Labels[j:]
		for b, cosine := range cosines {
			at, kind := bin(cosine), 1
			if labels[b] == class {
				kind = 0
			}
			won, to, level := uint64(f.wins[kind][at]), kind*half, 1+int(f.level[at])
			row[to] += won
			row[to+level]++
			other := column[b*stride+to:]
			other[0] += won
			other[level]++
		}
	}, func(j, width int) {
		for _, column := range columns {
			for k, v := range column[:width*stride] {
				f.images[j*stride+k] += v
			}
			clear(column[:width*stride])
		}
	})
}

// changes are the influences of each image on AUC and, of each kind of pairs, on the share
// that reaches each threshold.
type changes struct {
	auc    []float64      // [N]
	shares [2][][]float64 // [thresholds][N]: TAR, FAR
}

// changes makes influences of what was collected.
func (f *influence) changes(pairs *Pairs, auc float64) changes {
	stride := f.stride()
	n := len(f.images) / stride
	c := changes{auc: make([]float64, n)}
	var total [2]float64
	positives, negatives := pairs.totals()
	total[0], total[1] = float64(positives), float64(negatives)
	for kind := range c.shares {
		reach := make([]float64, f.levels) // of all pairs; each has two images
		for i := range n {
			counts, all := f.of(i, kind), 0.0
			for level := f.levels - 1; level >= 0; level-- {
				all += float64(counts[1+level])
				reach[level] += all / 2
			}
			c.auc[i] += (float64(counts[0])/shareUnit - auc*all) / total[kind]
		}
		for level := 1; level < f.levels; level++ {
			share := make([]float64, n)
			for i := range n {
				counts, own, all := f.of(i, kind), 0.0, 0.0
				for l := range f.levels {
					all += float64(counts[1+l])
					if l >= level {
						own += float64(counts[1+l])
					}
				}
				share[i] = (own - reach[level]/total[kind]*all) / total[kind]
			}
			c.shares[kind] = append(c.shares[kind], share)
		}
	}
	return c
}

// of is what was collected of an image and its pairs of a kind.
func (f *influence) of(i, kind int) []uint64 {
	return f.images[i*f.stride()+kind*(1+f.levels):][:1+f.levels]
}

// reach is 1.96 standard deviations over resamples, given the influences of n images.
func reach(n int, influence func(i int) float64) float64 {
	sum := 0.0
	for i := range n {
		sum += influence(i) * influence(i)
	}
	return z95 * math.Sqrt(sum)
}

// intervals are how far AUC, EER and TAR at each rate reach up and down.
func (m Verification) intervals(ctx context.Context, p *pool.Pool, images *Features, pairs *Pairs, roc ROC) (auc, eer float64, tar []float64, err error) {
	thresholds := slices.Compact(slices.Sorted(slices.Values(append([]int{roc.crossing}, roc.thresholds...))))
	f := newInfluence(images.N, pairs, thresholds)
	if err := f.collect(ctx, p, images, pairBlock(images.D)); err != nil {
		return 0, 0, nil, err
	}
	c := f.changes(pairs, roc.AUC)
	auc = reach(images.N, func(i int) float64 { return c.auc[i] })

	// EER is FAR where TAR + FAR is 1.
	at := slices.Index(thresholds, roc.crossing)
	t, w := c.shares[0][at], c.shares[1][at]
	sum := reach(images.N, func(i int) float64 { return t[i] + w[i] })
	_, low := pairs.point(1, 1-sum)
	_, high := pairs.point(1, 1+sum)
	part := ratio(high-low, 2*sum)
	eer = reach(images.N, func(i int) float64 { return w[i] - part*(t[i]+w[i]) })

	tar = make([]float64, len(m.FAR))
	for j, rate := range m.FAR {
		at := slices.Index(thresholds, roc.thresholds[j])
		t, w := c.shares[0][at], c.shares[1][at]
		moved := reach(images.N, func(i int) float64 { return w[i] })
		low, from := pairs.point(0, rate-moved)
		high, to := pairs.point(0, rate+moved)
		slope := ratio(high-low, to-from)
		tar[j] = reach(images.N, func(i int) float64 { return t[i] - slope*w[i] })
	}
	return auc, eer, tar, nil
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
