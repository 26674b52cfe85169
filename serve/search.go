package serve

import (
	"context"
	"math"

	"alike/eval"
	"alike/index"
)

// query asks for the k images that are most like a vector, of a class unless that is
// "", with ids of a pattern unless that is "".
type query struct {
	vector      []float32
	k           int
	class, path string
}

// hit is an image that was found.
type hit struct {
	ID         string  `json:"id"`
	Class      string  `json:"class,omitempty"`
	Similarity float32 `json:"similarity"` // cosine, 1 for the same direction
}

// find answers queries together: one pass over the gallery serves all that have the
// same filter.
func (v *service) find(ctx context.Context, queries []query) ([][]hit, error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	type filter struct{ class, path string }
	groups := map[filter][]int{}
	for i, q := range queries {
		f := filter{q.class, q.path}
		groups[f] = append(groups[f], i)
	}
	hits := make([][]hit, len(queries))
	for f, members := range groups {
		asked, k := &eval.Features{N: len(members), D: v.store.Dim()}, 0
		for _, i := range members {
			asked.Data, k = append(asked.Data, queries[i].vector...), max(k, queries[i].k)
		}
		where := index.Filter{Path: f.path}
		if f.class != "" {
			where.Classes = []string{f.class}
		}
		found, err := v.store.SearchWhere(ctx, asked, k, where)
		if err != nil {
			return nil, err
		}
		for m, i := range members {
			for _, h := range found[m][:min(len(found[m]), queries[i].k)] {
				hits[i] = append(hits[i], hit{h.ID, h.Class, h.Similarity})
			}
		}
	}
	return hits, nil
}

// scaleToUnit makes the vector one of length 1; a vector of zeros stays.
func scaleToUnit(vector []float32) {
	sum := 0.0
	for _, x := range vector {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	for i, x := range vector {
		vector[i] = float32(float64(x) / math.Sqrt(sum))
	}
}
