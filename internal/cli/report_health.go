package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"alike/report"
	"alike/train"
	"alike/train/doctor"
)

// addHealth adds what the doctor says of a run: verdicts, how the embeddings went, and what the
// run cost.
func addHealth(r *report.Report, run *train.Run) error {
	h, err := healthOf(run, -1)
	if err != nil || h.probe == nil {
		return err // a run from before there was a doctor
	}
	for _, v := range h.verdicts {
		r.Verdict = append(r.Verdict, "The doctor: "+v.String()+".")
	}
	if len(h.verdicts) == 0 {
		r.Verdict = append(r.Verdict, "The doctor finds nothing that ails the training.")
	}
	alignment := report.Curve{Title: "Alignment: mean squared distance of positives", XLabel: "step"}
	uniformity := report.Curve{Title: "Uniformity: lower is more evenly spread", XLabel: "step"}
	rank := report.Curve{Title: fmt.Sprintf("Effective rank, at most %d", h.probe.MaxRank), XLabel: "step"}
	var memory uint64
	rate, steps := 0.0, 0
	for _, m := range h.metrics {
		if m.Monitor == nil {
			rate, steps = rate+m.ImagesPerS, steps+1
		}
		if m.Probe == nil {
			continue
		}
		x := float64(m.Step)
		alignment.Points = append(alignment.Points, report.Point{X: x, Y: m.Probe.Alignment})
		uniformity.Points = append(uniformity.Points, report.Point{X: x, Y: m.Probe.Uniformity})
		rank.Points = append(rank.Points, report.Point{X: x, Y: m.Probe.EffectiveRank})
		memory = max(memory, m.Probe.PeakMemory)
	}
	positives, negatives := shares(h.probe.Positives), shares(h.probe.Negatives)
	cosines := report.Curve{
		Title: fmt.Sprintf("Cosines at step %d: share of pairs", h.step), XLabel: "cosine",
		Points: positives, Label: "positives", Other: negatives, OtherLabel: "negatives",
	}
	r.Curves = append(r.Curves, alignment, uniformity, rank, cosines)
	r.Facts = append(r.Facts,
		report.Fact{Name: "rows a second", Value: fmt.Sprintf("%.0f", rate/float64(max(1, steps)))},
		report.Fact{Name: "time", Value: h.parts()})
	if memory > 0 {
		r.Facts = append(r.Facts, report.Fact{Name: "peak memory", Value: humanize.IBytes(memory)})
	}
	return nil
}

// shares are a histogram's counts as shares of all, at the middle of each bin.
func shares(h doctor.Histogram) (points []report.Point) {
	total := 0
	for _, n := range h.Counts {
		total += n
	}
	width := (h.High - h.Low) / float64(max(1, len(h.Counts)))
	for i, n := range h.Counts {
		points = append(points, report.Point{X: h.Low + (float64(i)+0.5)*width, Y: float64(n) / float64(max(1, total))})
	}
	return points
}
