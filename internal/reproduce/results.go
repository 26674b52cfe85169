package reproduce

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"alike/dataset"
	"alike/eval"
	"alike/train"
)

// Results are the runs of a claim that are done.
type Results struct {
	Claim    *Claim
	Scale    Scale
	Variants []Variant
	Images   func(context.Context) (*dataset.Source, error) // that were trained on

	lab    *Lab
	runs   map[string][]run // by variant; the seeds from 1 on, as far as they are done
	failed []failure
	apart  []*Record // done, but a seed before them is missing or failed
}

// failure is a run that ended without a result.
type failure struct {
	variant string
	seed    int // from 1
	*Record
}

// run is one that is done.
type run struct {
	name string
	*Record
}

// score is what a measure says of a variant's run with a seed (from 0).
func (r *Results) score(variant, measure string, seed int) (s eval.Score, of run, ok bool) {
	runs := r.runs[variant]
	if seed >= len(runs) {
		return s, of, false
	}
	for _, m := range r.Claim.Measures {
		if m.Name != measure {
			continue
		}
		scores, _ := runs[seed].Of(m.Eval)
		for _, s := range scores {
			if s.Metric == m.Metric {
				return s, runs[seed], true
			}
		}
	}
	return s, of, false
}

// values are what a measure says of a variant, seed by seed.
func (r *Results) values(variant, measure string) (values []float64) {
	for seed := range r.runs[variant] {
		if s, _, ok := r.score(variant, measure, seed); ok {
			values = append(values, s.Value)
		}
	}
	return values
}

// shared is how many seeds all of some variants have.
func (r *Results) shared(variants []string, measure string) int {
	n := math.MaxInt
	for _, v := range variants {
		n = min(n, len(r.values(v, measure)))
	}
	return n
}

// best is the variant whose mean over its first seeds is the largest.
func (r *Results) best(variants []string, measure string, seeds int) (best string) {
	most := -1.0
	for _, v := range variants {
		if mean, _ := eval.MeanOfSeeds(r.values(v, measure)[:seeds]); mean > most {
			best, most = v, mean
		}
	}
	return best
}

// judge applies a test.
func (r *Results) judge(ctx context.Context, t Test) (Outcome, error) {
	by := cmp.Or(t.By, r.Claim.Measures[0].Name)
	lessBy := cmp.Or(t.LessBy, by)
	o := Outcome{Says: t.Says, Verdict: NotRun}
	seeds := min(r.shared(t.More, by), r.shared(t.Less, lessBy)) // a variant of one seed is not compared with the mean of another's three
	if seeds == 0 {
		if slices.ContainsFunc(r.failed, func(f failure) bool { return f.seed == 1 && slices.Contains(slices.Concat(t.More, t.Less), f.variant) }) {
			o.Verdict = NoVerdict
		}
		return o, nil
	}
	more, less := r.best(t.More, by, seeds), r.best(t.Less, lessBy, seeds)
	a, b := r.values(more, by), r.values(less, lessBy)
	gains := make([]float64, min(len(a), len(b)))
	for i := range gains {
		gains[i] = a[i] - b[i]
	}
	what := fmt.Sprintf("%s over %s", more, less)
	if lessBy != by {
		what = fmt.Sprintf("%s, %s over %s", more, by, lessBy)
	}
	if len(gains) > 1 {
		o.seeds(what, gains)
		return o, nil
	}
	from, to, err := r.outcomes(less, lessBy, more, by)
	if err != nil {
		return o, err
	}
	return o, o.queries(ctx, what+", seed 1", from, to)
}

// outcomes are those of the queries in the first runs of two variants.
func (r *Results) outcomes(a, byA, b, byB string) (x, y []float64, err error) {
	read := func(variant, measure string) ([]float64, error) {
		s, of, _ := r.score(variant, measure, 0)
		return eval.ReadOutcomes((&train.Run{Dir: r.lab.RunDir(of.name)}).ScoresPath(), s)
	}
	if x, err = read(a, byA); err == nil {
		y, err = read(b, byB)
	}
	return x, y, err
}
