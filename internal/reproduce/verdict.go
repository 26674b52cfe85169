package reproduce

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"alike/eval"
)

// Verdict is what came of a claim, in plain words.
type Verdict string

// The verdicts.
const (
	Held         Verdict = "held"
	NotShown     Verdict = "did not show at this scale"
	Contradicted Verdict = "contradicted at this scale"
	NotRun       Verdict = "not run yet"
	NoVerdict    Verdict = "no verdict, a variant failed"
)

// Outcome is what came of one thing that a claim says.
type Outcome struct {
	Says    string  `json:"says"`
	Verdict Verdict `json:"verdict"`
	OneSeed bool    `json:"one_seed"`         // the interval is of queries alone
	Detail  string  `json:"detail,omitempty"` // the number, its interval, and how it was made
}

// seeds judges a gain by its mean over seeds: a paired t test, both runs of a pair
// having the seed in common.
func (o *Outcome) seeds(what string, gains []float64) {
	mean, ci95 := eval.MeanOfSeeds(gains)
	o.decide(ci95)
	o.Detail = fmt.Sprintf("%s: %+.1f points (95 %% interval %+.1f to %+.1f, %d seeds, paired)", what, 100*mean, 100*ci95[0], 100*ci95[1], len(gains))
}

// queries judges a gain of one run over another by the queries that both answered: a
// paired bootstrap, which says nothing of other seeds.
func (o *Outcome) queries(ctx context.Context, what string, from, to []float64) error {
	gap, err := eval.DefaultBootstrap().Difference(ctx, from, to)
	if err != nil {
		return err
	}
	o.decide(*gap.CI95)
	o.OneSeed = true
	o.Detail = fmt.Sprintf("%s: %+.1f points (95 %% interval %+.1f to %+.1f, paired over %d queries)", what, 100*gap.Value, 100*gap.CI95[0], 100*gap.CI95[1], len(from))
	return nil
}

// decide is the rule for all: the interval is above 0, below it, or holds it.
func (o *Outcome) decide(ci95 [2]float64) {
	switch {
	case ci95[0] > 0:
		o.Verdict = Held
	case ci95[1] < 0:
		o.Verdict = Contradicted
	default:
		o.Verdict = NotShown
	}
}

// String is the verdict, with what weakens it.
func (o Outcome) String() string {
	if o.OneSeed {
		return string(o.Verdict) + " (one seed)"
	}
	return string(o.Verdict)
}

// overall is the verdict on a claim of several parts.
func overall(outcomes []Outcome) string {
	count, single := map[Verdict]int{}, 0
	for _, o := range outcomes {
		count[o.Verdict]++
		if o.OneSeed {
			single++
		}
	}
	weak := ""
	switch single {
	case 0:
	case len(outcomes):
		weak = " (one seed)"
	default:
		weak = fmt.Sprintf(" (%d of them on one seed)", single)
	}
	if len(count) == 1 {
		return string(outcomes[0].Verdict) + weak
	}
	var parts []string
	for _, v := range []Verdict{Held, NotShown, Contradicted, NoVerdict, NotRun} {
		if n := count[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return "of " + fmt.Sprint(len(outcomes)) + ": " + strings.Join(parts, ", ") + weak
}

// Finding is what a claim came to.
type Finding struct {
	Claim    *Claim    `json:"-"`
	Name     string    `json:"claim"`
	Verdict  string    `json:"verdict"`
	Outcomes []Outcome `json:"outcomes"`
	Done     int       `json:"runs_done"`
	Runs     int       `json:"runs"`
	Failed   []string  `json:"failed,omitempty"` // variant and seed of those that ended without a result, and why
	Minutes  float64   `json:"minutes"`          // of the runs that are done, also by other claims
	Figures  []Figure  `json:"-"`
	Results  *Results  `json:"-"`
}

// find judges a claim by what is there.
func find(ctx context.Context, r *Results) (f Finding, err error) {
	f = Finding{Claim: r.Claim, Name: r.Claim.Name, Results: r}
	for _, t := range r.Claim.Tests {
		o, err := r.judge(ctx, t)
		if err != nil {
			return f, fmt.Errorf("%s: %w", r.Claim.Name, err)
		}
		f.Outcomes = append(f.Outcomes, o)
	}
	if r.Claim.Judge != nil {
		more, err := r.Claim.Judge(ctx, r)
		if err != nil {
			return f, fmt.Errorf("%s: %w", r.Claim.Name, err)
		}
		f.Outcomes = append(f.Outcomes, more...)
	}
	f.Verdict = overall(f.Outcomes)
	for _, v := range r.Variants {
		f.Runs += r.Scale.seeds(v)
	}
	for _, name := range slices.Sorted(maps.Keys(r.runs)) {
		for _, run := range r.runs[name] {
			f.Done++
			f.Minutes += run.Seconds / 60
		}
	}
	for _, apart := range r.apart {
		f.Done++
		f.Minutes += apart.Seconds / 60
	}
	for _, failed := range r.failed {
		f.Done++
		f.Minutes += failed.Seconds / 60
		f.Failed = append(f.Failed, fmt.Sprintf("%s, seed %d: %s", failed.variant, failed.seed, failed.Record.Failed))
	}
	draw := r.Claim.Figures
	if draw == nil {
		draw = allMeasures
	}
	if f.Done > 0 || len(r.Variants) == 0 || r.Claim.Judge != nil {
		f.Figures, err = draw(ctx, r)
	}
	return f, err
}
