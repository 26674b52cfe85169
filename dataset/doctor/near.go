package doctor

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"alike/internal/kernel/pool"
)

// What makes two images near duplicates. The hash only proposes: 18 of 100,000
// unlike pairs of CIFAR-10 are within maxDistance, and nearly all copies that were
// moved by a pixel of a thumbnail both ways. The correlations decide.
const (
	maxDistance    = 16  // bits in which the hashes may differ
	minCorrelation = 0.9 // of the thumbnails
	minDetail      = 0.5 // of their details
)

// near is a pair of thumbnails, a < b, that show nearly the same.
type near struct {
	a, b        int
	mirrored    bool
	distance    int     // bits in which the hashes differ
	correlation float64 // of the thumbnails
	detail      float64 // of their details
}

// findNear compares every thumbnail with every other, as it is and mirrored, and
// returns the pairs that are near duplicates, in the order of a and b. Time is
// O(n²): 1.3 ns a pair and core, and 10 µs for each that the hash proposes.
func findNear(ctx context.Context, thumbnails []*thumbnail) ([]near, error) {
	n := len(thumbnails)
	hashes := make([]hash, n)
	p := pool.New(0)
	defer p.Close()
	p.Run(n, func(i int) { hashes[i] = thumbnails[i].hash() })
	const rows = 64 // a task
	found := make([][]near, (n+rows-1)/rows)
	p.Run(len(found), func(task int) {
		for a := task * rows; a < min((task+1)*rows, n) && ctx.Err() == nil; a++ {
			found[task] = appendNear(found[task], thumbnails, hashes, a)
		}
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return slices.Concat(found...), nil
}

// appendNear appends the near duplicates of thumbnail a behind it.
func appendNear(pairs []near, thumbnails []*thumbnail, hashes []hash, a int) []near {
	h := hashes[a]
	for i, other := range hashes[a+1:] {
		differ := uint64(h ^ other)
		direct, turned := bits.OnesCount64(differ), bits.OnesCount64(differ^uint64(mirror))
		if direct > maxDistance && turned > maxDistance {
			continue
		}
		b := a + 1 + i
		best := near{}
		if direct <= maxDistance {
			best = compare(thumbnails[a], thumbnails[b], direct, false)
		}
		if turned <= maxDistance {
			if m := compare(thumbnails[a], thumbnails[b].mirrored(), turned, true); m.correlation > best.correlation {
				best = m
			}
		}
		if best.correlation >= minCorrelation && best.detail >= minDetail {
			best.a, best.b = a, b
			pairs = append(pairs, best)
		}
	}
	return pairs
}

// compare is the second look at a pair that the hash proposes.
func compare(a, b *thumbnail, distance int, mirrored bool) near {
	whole, detail := correlation(a, b)
	return near{mirrored: mirrored, distance: distance, correlation: whole, detail: detail}
}

// byLikeness orders pairs by falling correlation, then by their places.
func byLikeness(x, y near) int {
	return cmp.Or(cmp.Compare(y.correlation, x.correlation), x.a-y.a, x.b-y.b)
}
