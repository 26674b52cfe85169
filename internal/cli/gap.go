package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"alike/eval"
)

// gap is by how much a run scores more than the first of those compared.
type gap struct {
	Metric string `json:"metric"`
	K      int    `json:"k,omitempty"`
	Of     string `json:"of"`
	Minus  string `json:"minus"`
	eval.Paired
	Queries int `json:"queries"`
}

// gapsTo are the gaps of a table of scores, which holds one of each run for each
// metric, to the first run. files are where the runs keep their scores. A gap has
// an interval where both runs kept the outcomes of their queries.
func gapsTo(ctx context.Context, files []string, table []eval.Score) (gaps []gap, err error) {
	for group := range slices.Chunk(table, len(files)) {
		first := group[0]
		from, err := outcomesOf(files[0], first)
		if err != nil {
			return nil, err
		}
		for i, s := range group[1:] {
			g := gap{s.Metric, s.Protocol.K, s.Subject.Name, first.Subject.Name, eval.Paired{Value: s.Value - first.Value}, s.Protocol.Queries.Images}
			to, err := outcomesOf(files[i+1], s)
			if err == nil && from != nil && to != nil {
				g.Paired, err = eval.DefaultBootstrap().Difference(ctx, from, to)
			}
			if err != nil {
				return nil, err
			}
			gaps = append(gaps, g)
		}
	}
	return gaps, nil
}

// outcomesOf are the outcomes of a score, nil if it has none.
func outcomesOf(file string, s eval.Score) ([]float64, error) {
	outcomes, err := eval.ReadOutcomes(file, s)
	if errors.Is(err, eval.ErrNoOutcomes) {
		return nil, nil
	}
	return outcomes, err
}

func (g gap) String() string {
	text := fmt.Sprintf("%s: %s minus %s is %+.2f points", g.Metric, g.Of, g.Minus, 100*g.Value)
	if g.CI95 == nil {
		return text + " (no paired interval: it has no outcomes for each query, or is older than those)"
	}
	return text + fmt.Sprintf(" (95 %% interval %+.2f to %+.2f, paired over %d queries)", 100*g.CI95[0], 100*g.CI95[1], g.Queries)
}
