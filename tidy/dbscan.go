package tidy

import (
	"cmp"
	"context"
	"slices"

	"alike/eval"
)

// DBSCAN finds clusters where images lie densely (Ester et al. 1996): a core has at least
// minPoints images, itself among them, of at least that similarity; cores of that similarity
// are of one cluster. Another image is of the cluster of the most similar core it has
// within reach, whatever the order, or of none. of[i] is a cluster, the largest first, or -1.
func DBSCAN(ctx context.Context, f *eval.Features, similarity float32, minPoints int) (of []int, clusters int, err error) {
	near, _, err := within(ctx, f, always(similarity))
	if err != nil {
		return nil, 0, err
	}
	core := func(row int) bool { return len(near[row])+1 >= minPoints }
	of = make([]int, f.N)
	for i := range of {
		of[i] = -1
	}
	for row := range of {
		if of[row] >= 0 || !core(row) {
			continue
		}
		of[row] = clusters
		for stack := []int{row}; len(stack) > 0; {
			r := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, n := range near[r] {
				if of[n.Row] < 0 && core(n.Row) {
					of[n.Row] = clusters
					stack = append(stack, n.Row)
				}
			}
		}
		clusters++
	}
	joined := slices.Clone(of) // borders follow cores, not each other
	for row := range of {
		if of[row] >= 0 {
			continue
		}
		if i := slices.IndexFunc(near[row], func(n Near) bool { return core(n.Row) }); i >= 0 {
			joined[row] = of[near[row][i].Row]
		}
	}
	return bySize(joined, clusters), clusters, nil
}

// bySize renumbers clusters, the largest first; of equal ones the first keeps its place.
func bySize(of []int, clusters int) []int {
	sizes, order := make([]int, clusters), make([]int, clusters)
	for i := range order {
		order[i] = i
	}
	for _, c := range of {
		if c >= 0 {
			sizes[c]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	rank := make([]int, clusters)
	for i, c := range order {
		rank[c] = i
	}
	for i, c := range of {
		if c >= 0 {
			of[i] = rank[c]
		}
	}
	return of
}

// Reach is the similarity at which half of the images are cores: the median of that to the
// image that makes the minPoints-th.
func Reach(ctx context.Context, f *eval.Features, minPoints int) (float32, error) {
	near, err := nearestRows(ctx, f, minPoints-1)
	if err != nil || minPoints < 2 {
		return 1, err
	}
	var reach []float32
	for _, n := range near {
		if len(n) == minPoints-1 {
			reach = append(reach, n[len(n)-1].Similarity)
		}
	}
	if len(reach) == 0 {
		return 0, nil // fewer images than that
	}
	slices.Sort(reach)
	return reach[len(reach)/2], nil
}
