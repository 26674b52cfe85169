package doctor

import (
	"context"
	"crypto/sha256"
	"slices"
)

// Duplicate is a pair of images that show the same. Where one is of a training
// split and one is not, the first is the one of training.
type Duplicate struct {
	A     Ref  `json:"a"`
	B     Ref  `json:"b"`
	Exact bool `json:"exact"` // the pixels are the same

	// Leak: A is trained on, B is to test what was learned.
	Leak bool `json:"leak"`
	// Conflict: both have a class, and not the same.
	Conflict bool `json:"conflict"`

	// Of near duplicates.
	Mirrored    bool    `json:"mirrored,omitempty"`           // B is A mirrored
	Distance    int     `json:"distance,omitempty"`           // bits of 64 in which the perceptual hashes differ
	Correlation float64 `json:"correlation,omitempty"`        // of the thumbnails
	Detail      float64 `json:"detail_correlation,omitempty"` // of the thumbnails' details
	Cast        float64 `json:"colour_cast,omitempty"`        // by which the colours differ on average, of 255
	Change      float64 `json:"colour_change,omitempty"`      // by which they differ besides
}

func pair(a, b *picture) Duplicate {
	return Duplicate{
		A: a.Ref, B: b.Ref,
		Leak:     Training(a.Split) != Training(b.Split),
		Conflict: a.label >= 0 && b.label >= 0 && a.Class != b.Class,
	}
}

// duplicates finds pairs, and which images of evaluation splits are in training
// splits. Images are those of training splits first. Of images with the same pixels
// each is a pair with the first, and only the first is looked for near duplicates
// of; what is said of it holds for the others too.
func duplicates(ctx context.Context, images []*picture) (pairs []Duplicate, leaked []Ref, err error) {
	pairs, leaked = []Duplicate{}, []Ref{}
	copies := exactCopies(images)
	leaks := map[*picture]bool{}
	leak := func(group []*picture) {
		for _, m := range group {
			leaks[m] = leaks[m] || !Training(m.Split)
		}
	}
	var prints []*fingerprint
	var groups [][]*picture // of the prints
	for _, group := range copies {
		first := group[0]
		for _, m := range group[1:] {
			if d := pair(first, m); d.Leak || m.ID != first.ID { // else it is one image, listed in two splits
				d.Exact = true
				pairs = append(pairs, d)
			}
		}
		if Training(first.Split) {
			leak(group)
		}
		if first.fingerprint != nil {
			prints, groups = append(prints, first.fingerprint), append(groups, group)
		}
	}
	found, err := findNear(ctx, prints)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(found, byLikeness)
	for _, n := range found {
		a, b := groups[n.a], groups[n.b]
		d := pair(a[0], b[0])
		d.Mirrored, d.Distance, d.Correlation, d.Detail = n.mirrored, n.distance, n.correlation, n.detail
		d.Cast, d.Change = n.cast, n.change
		pairs = append(pairs, d)
		if d.Leak {
			leak(b)
		}
	}
	for _, m := range images {
		if leaks[m] {
			leaked = append(leaked, m.Ref)
		}
	}
	return pairs, leaked, nil
}

// exactCopies are the images in groups of the same pixels, in the order of their
// first ones.
func exactCopies(images []*picture) (groups [][]*picture) {
	place := map[[sha256.Size]byte]int{}
	for _, m := range images {
		at, found := place[m.sum]
		if !found {
			at = len(groups)
			place[m.sum] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], m)
	}
	return groups
}
