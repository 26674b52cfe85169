package weaviate

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"alike/eval"
	"alike/index"
	"alike/internal/rng"
)

// Findable searches for a sample of the entries by their own vectors, and returns how many of how
// many are found. Objects may be there that a search does not find: the server's
// graph is a file of its own, which a server that was killed may have lost the end of.
func (c *Collection) Findable(ctx context.Context, want []index.Entry, vector func(row int) []float32) (found, of int, err error) {
	const sample = 200
	rows := rng.New(rng.Split, 1).Perm(len(want))[:min(sample, len(want))]
	var n atomic.Int64
	err = each(ctx, slices.Values(rows), func(ctx context.Context, row int) error {
		hits, err := c.SearchWhere(ctx, &eval.Features{N: 1, D: c.About.Dim, Data: vector(row)}, 10, index.Filter{})
		if err != nil {
			return err
		}
		// A copy may be found in its place.
		if slices.ContainsFunc(hits[0], func(h index.Hit) bool { return h.ID == want[row].ID || h.Similarity > 1-1e-5 }) {
			n.Add(1)
		}
		return nil
	})
	return int(n.Load()), len(rows), err
}

// Compare reads each of the entries back, as most replicas have it, and returns the IDs of those
// that are not there, and of those that are something else, by entry or vector.
func (c *Collection) Compare(ctx context.Context, want []index.Entry, vector func(row int) []float32, progress func(done int)) (missing, different []string, err error) {
	const right, absent, wrong = 0, 1, 2
	verdicts := make([]byte, len(want))
	counted := counter(progress, 0)
	rows := func(yield func(int) bool) {
		for row := range want {
			if !yield(row) {
				return
			}
		}
	}
	err = each(ctx, rows, func(ctx context.Context, row int) error {
		e, v, err := c.Get(ctx, want[row].ID)
		switch {
		case errors.Is(err, ErrNoObject):
			verdicts[row] = absent
		case err != nil:
			return err
		case e != want[row] || !slices.Equal(v, vector(row)):
			verdicts[row] = wrong
		}
		counted(1)
		return nil
	})
	for row, v := range verdicts {
		switch v {
		case absent:
			missing = append(missing, want[row].ID)
		case wrong:
			different = append(different, want[row].ID)
		}
	}
	return missing, different, err
}
