package dataset

import (
	"fmt"
	"math"
	"slices"

	"alike/internal/rng"
)

// Balanced chooses a share of the labelled images of d, as many of each class: their
// indices, in order. Of n labelled images of C classes it takes round(share n / C) of
// each, at least one, and all of a class that has fewer; with share 1 all there are,
// balanced or not. A larger share with the same seed holds a smaller one.
func Balanced(d Dataset, share float64, seed uint64) ([]int, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("a share of %g of the labels: want one above 0 and at most 1", share)
	}
	members, labelled := make([][]int, len(d.Classes())), 0
	for i := range d.Len() {
		if l := d.Label(i); l >= 0 {
			members[l] = append(members[l], i)
			labelled++
		}
	}
	if labelled == 0 {
		return nil, fmt.Errorf("%s has no labels to take a share of", d.Name())
	}
	each := max(1, int(math.Round(share*float64(labelled)/float64(len(members)))))
	var chosen []int
	for class, of := range members {
		n := len(of)
		if share < 1 {
			n = min(n, each)
		}
		for _, i := range rng.New(rng.Split, seed, uint64(class)).Perm(len(of))[:n] {
			chosen = append(chosen, of[i])
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}
