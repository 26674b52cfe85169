package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"alike/train"
	"alike/train/doctor"
)

// sayVerdict tells what ails a run while it trains.
func (a *app) sayVerdict(v doctor.Verdict) { a.say("doctor: %s", v) }

// health is what the doctor knows of a run.
type health struct {
	verdicts []doctor.Verdict
	loss     float64
	step     int // that was looked at last; 0 for none
	probe    *doctor.Probe
	seconds  map[string]float64 // by what they were spent on, over the whole run
	metrics  []train.Metric     // that it was found in
}

// healthOf examines a run up to a step, or all of it if that is negative.
func healthOf(run *train.Run, step int) (h health, err error) {
	metrics, err := run.Metrics()
	if err != nil {
		return h, err
	}
	if step >= 0 {
		metrics = slices.DeleteFunc(metrics, func(m train.Metric) bool { return m.Step > step })
	}
	return examine(&run.Config, metrics)
}

// examine lets the doctor look at what a run wrote.
func examine(c *train.Config, metrics []train.Metric) (health, error) {
	h := health{verdicts: []doctor.Verdict{}, seconds: map[string]float64{}, metrics: metrics}
	for _, m := range metrics {
		if m.Probe == nil {
			continue
		}
		h.step, h.probe, h.loss = m.Step, m.Probe, m.Loss
		for part, s := range m.Probe.Seconds {
			h.seconds[part] += s
		}
	}
	found, err := train.Diagnose(c, metrics)
	h.verdicts = append(h.verdicts, found...)
	return h, err
}

// print prints the verdicts and the main figures, or with whole everything.
func (h health) print(w io.Writer, whole bool) {
	if h.probe == nil && len(h.verdicts) == 0 {
		return // a run from before there was a doctor
	}
	for _, v := range h.verdicts {
		fmt.Fprintf(w, "  doctor: %s\n", v)
	}
	if len(h.verdicts) == 0 {
		fmt.Fprintf(w, "  doctor: nothing ails it\n")
	}
	p := h.probe
	if p == nil {
		return
	}
	fmt.Fprintf(w, "  embeddings at step %d: uniformity %.3g, effective rank %.3g of %d", h.step, p.Uniformity, p.EffectiveRank, p.MaxRank)
	if p.Positives.Total() > 0 {
		fmt.Fprintf(w, ", alignment %.3g, %.3g %% of negatives are nearer than the positive", p.Alignment, 100*p.HardNegatives)
	}
	fmt.Fprintln(w)
	if p.CollapsedLoss > 0 {
		fmt.Fprintf(w, "  loss %.4f, %.4f below that of equal embeddings, %.4f\n", h.loss, p.CollapsedLoss-h.loss, p.CollapsedLoss)
	}
	fmt.Fprintf(w, "  time: %s\n", h.parts())
	if !whole {
		return
	}
	for _, part := range []struct {
		name string
		h    doctor.Histogram
	}{{"cosines of positives", p.Positives}, {"cosines of negatives", p.Negatives}, {"deviations of dimensions times √D", p.Deviations}} {
		fmt.Fprintf(w, "  %-34s %4.1f %s %.1f\n", part.name, part.h.Low, bars(part.h.Counts), part.h.High)
	}
	fmt.Fprintf(w, "\n  %-28s %10s %10s %10s %8s\n", "layer", "gradient", "weights", "moved", "dead")
	for _, l := range p.Layers {
		dead := ""
		if l.Units > 0 {
			dead = fmt.Sprintf("%.3g %%", 100*l.Dead)
		}
		fmt.Fprintf(w, "  %-28s %10.3g %10.3g %8.2g %% %8s\n", l.Name, l.Gradient, l.Weight, 100*l.Moved(), dead)
	}
}

// parts are the shares of the time, the largest first.
func (h health) parts() string {
	total := 0.0
	for _, s := range h.seconds {
		total += s
	}
	names := slices.SortedFunc(maps.Keys(h.seconds), func(x, y string) int {
		if h.seconds[x] != h.seconds[y] {
			return cmp.Compare(h.seconds[y], h.seconds[x])
		}
		return strings.Compare(x, y)
	})
	var text []string
	for _, n := range names {
		text = append(text, fmt.Sprintf("%s %.1f %%", n, 100*h.seconds[n]/total))
	}
	return strings.Join(text, ", ")
}

// bars draws counts as a line of blocks; what is not 0 is seen.
func bars(counts []int) string {
	levels := []rune(" ▁▂▃▄▅▆▇█")
	top := max(1, slices.Max(append(slices.Clone(counts), 0)))
	var b strings.Builder
	for _, n := range counts {
		b.WriteRune(levels[(n*(len(levels)-1)+top-1)/top])
	}
	return b.String()
}
