package doctor

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"alike/dataset"
	"alike/internal/kernel/pool"
)

// What makes two images near duplicates. The hash only proposes: 18 of 100,000
// unlike pairs of CIFAR-10 are within maxDistance, and nearly all copies that were
// moved by a pixel of a thumbnail both ways. The correlations decide.
const (
	maxDistance    = 16  // bits in which the hashes may differ
	minCorrelation = 0.9 // of the thumbnails
	minDetail      = 0.5 // of their details
	maxCast        = 40  // of 255, unless one of the two is gray
	maxChange      = 20
)

// fingerprint is what images are compared by.
type fingerprint struct {
	*thumbnail
	*colours
	contrast float64 // standard deviation of the luma, of 255
}

func newFingerprint(m dataset.Image, contrast float64) *fingerprint {
	return &fingerprint{newThumbnail(m), coloursOf(m), contrast}
}

// coloursFit says whether two images may be copies by their colours, as they are or
// with those of the stronger contrast weakened to the other's, and how far these
// are apart.
func coloursFit(a, b *fingerprint, mirrored bool) (cast, change float64, ok bool) {
	for _, even := range []bool{false, true} {
		switch {
		case !even:
			cast, change = a.apart(b.colours, 1, mirrored)
		case a.contrast > b.contrast:
			cast, change = a.apart(b.colours, b.contrast/a.contrast, mirrored)
		default:
			cast, change = b.apart(a.colours, a.contrast/b.contrast, mirrored)
		}
		if cast <= maxCast && change <= maxChange {
			return cast, change, true
		}
	}
	return cast, change, a.gray() || b.gray()
}

// near is a pair of images, a < b, that show nearly the same.
type near struct {
	a, b        int
	mirrored    bool
	distance    int     // bits in which the hashes differ
	correlation float64 // of the thumbnails
	detail      float64 // of their details
	cast        float64 // of their colours
	change      float64
}

// findNear compares every image with every other, as it is and mirrored, and
// returns the pairs that are near duplicates, in the order of a and b. Time is
// O(n²): about 1 ns a pair and core, and some µs for each that the hash proposes.
func findNear(ctx context.Context, prints []*fingerprint) ([]near, error) {
	n := len(prints)
	hashes := make([]hash, n)
	p := pool.New(0)
	defer p.Close()
	p.Run(n, func(i int) { hashes[i] = prints[i].hash() })
	const rows = 64 // a task
	found := make([][]near, (n+rows-1)/rows)
	p.Run(len(found), func(task int) {
		for a := task * rows; a < min((task+1)*rows, n) && ctx.Err() == nil; a++ {
			found[task] = appendNear(found[task], prints, hashes, a)
		}
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return slices.Concat(found...), nil
}

// appendNear appends the near duplicates of image a behind it.
func appendNear(pairs []near, prints []*fingerprint, hashes []hash, a int) []near {
	h := hashes[a]
	for i, other := range hashes[a+1:] {
		differ := uint64(h ^ other)
		upright, mirrored := bits.OnesCount64(differ), bits.OnesCount64(differ^uint64(mirror))
		if upright > maxDistance && mirrored > maxDistance {
			continue
		}
		b := a + 1 + i
		best, found := compare(prints[a], prints[b], upright, false)
		if m, ok := compare(prints[a], prints[b], mirrored, true); ok && (!found || m.correlation > best.correlation) {
			best, found = m, true
		}
		if found {
			best.a, best.b = a, b
			pairs = append(pairs, best)
		}
	}
	return pairs
}

// compare says whether two images, the second mirrored or not, are near duplicates,
// whose hashes differ in distance bits.
func compare(a, b *fingerprint, distance int, mirrored bool) (n near, ok bool) {
	if distance > maxDistance {
		return n, false
	}
	n = near{mirrored: mirrored, distance: distance}
	if n.cast, n.change, ok = coloursFit(a, b, mirrored); !ok {
		return n, false
	}
	t := b.thumbnail
	if mirrored {
		t = t.mirrored()
	}
	n.correlation, n.detail = correlation(a.thumbnail, t)
	return n, n.correlation >= minCorrelation && n.detail >= minDetail
}

// byLikeness orders pairs by falling correlation, then by their places.
func byLikeness(x, y near) int {
	return cmp.Or(cmp.Compare(y.correlation, x.correlation), x.a-y.a, x.b-y.b)
}
