package eval

import (
	"context"
	"fmt"

	"alike/internal/kernel/pool"
)

// Paired is by how much a score differs from another that was measured alike. Its
// interval comes from resamples of the queries that both share: what makes a query
// hard for both cancels out, so that it is narrower than those of the two scores
// suggest, and excludes 0 where they may still overlap.
type Paired struct {
	Value float64     `json:"value"` // b - a, a fraction
	CI95  *[2]float64 `json:"ci95,omitempty"`
}

// Difference returns b - a, given the outcomes of the same queries.
func (b Bootstrap) Difference(ctx context.Context, from, to []float64) (Paired, error) {
	if len(from) != len(to) || len(from) == 0 {
		return Paired{}, fmt.Errorf("a paired bootstrap of %d and %d outcomes: want as many of both, and at least one", len(from), len(to))
	}
	if err := b.Validate(); err != nil {
		return Paired{}, err
	}
	p := pool.New(0)
	defer p.Close()
	gains := make([]float64, len(from))
	for q := range gains {
		gains[q] = to[q] - from[q]
	}
	mean, ci95, err := b.means(ctx, p, gains, 1)
	if err != nil {
		return Paired{}, err
	}
	return Paired{mean[0], &ci95[0]}, nil
}
