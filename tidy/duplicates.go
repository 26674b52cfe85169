package tidy

import (
	"context"
	"slices"

	"alike/eval"
)

// Group is an image with those that are so similar to it that one of them is enough.
type Group struct {
	Keep   int    // the first of them
	Copies []Near // the others, the most similar first
}

// Duplicates returns groups of images, largest first: each copy is at least so similar to
// the image that its group keeps. In their order, every image that is no copy of one before
// it is kept, and takes as copies those after it that no other has taken. So what is
// left without the copies has no two images of that similarity. choose says which it is, given
// that of each image to the one that is most like it, 0 for a single image; Same is one. That is
// returned, too.
func Duplicates(ctx context.Context, f *eval.Features, choose func(closest []float32) float32) (groups []Group, closest []float32, err error) {
	near, closest, err := within(ctx, f, choose)
	if err != nil {
		return nil, nil, err
	}
	taken := make([]bool, f.N)
	for row, list := range near {
		if taken[row] {
			continue
		}
		g := Group{Keep: row}
		for _, n := range list {
			if n.Row > row && !taken[n.Row] {
				taken[n.Row] = true
				g.Copies = append(g.Copies, n)
			}
		}
		if len(g.Copies) > 0 {
			groups = append(groups, g)
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return len(b.Copies) - len(a.Copies) })
	return groups, closest, nil
}

// Same is a similarity from which on images may count as the same, given that of each to the one
// most like it: they are ten times as near, by 1 - cosine, as is usual for the nearest.
func Same(closest []float32) float32 {
	if len(closest) == 0 {
		return 1
	}
	sorted := slices.Sorted(slices.Values(closest))
	return 1 - (1-sorted[len(sorted)/2])/10
}
