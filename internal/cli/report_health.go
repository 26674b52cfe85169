package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"alike/report"
	"alike/train"
)

// addHealth adds what the doctor says of a run, and what the run cost.
func addHealth(r *report.Report, run *train.Run) error {
	h, err := healthOf(run, -1)
	if err != nil || h.probe == nil && len(h.verdicts) == 0 {
		return err // a run from before there was a doctor
	}
	for _, v := range h.verdicts {
		r.Verdict = append(r.Verdict, "The doctor: "+v.String()+".")
	}
	if len(h.verdicts) == 0 {
		r.Verdict = append(r.Verdict, "The doctor finds nothing that ails the training.")
	}
	var memory uint64
	rate, steps := 0.0, 0
	for _, m := range h.metrics {
		if m.Monitor == nil && m.Diverged == "" {
			rate, steps = rate+m.ImagesPerS, steps+1
		}
		if m.Probe != nil {
			memory = max(memory, m.Probe.PeakMemory)
		}
	}
	r.Facts = append(r.Facts, report.Fact{Name: "rows a second", Value: fmt.Sprintf("%.0f", rate/float64(max(1, steps)))})
	if h.probe != nil {
		r.Facts = append(r.Facts, report.Fact{Name: "time", Value: h.parts()})
	}
	if memory > 0 {
		r.Facts = append(r.Facts, report.Fact{Name: "peak memory", Value: humanize.IBytes(memory)})
	}
	return nil
}
