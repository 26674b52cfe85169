package cli

import (
	"fmt"

	"alike/report"
	"alike/train"
	"alike/train/doctor"
)

// curvesOf draws a run's metrics, and what the doctor saw of its embeddings.
func curvesOf(metrics []train.Metric) []report.Curve {
	loss := report.Curve{Name: "loss", Title: "Loss", XLabel: "step"}
	knn := report.Curve{Name: "knn", Title: "kNN accuracy on a fixed subset, during training", XLabel: "epoch"}
	accuracy := report.Curve{Name: "contrastive", Title: "Contrastive accuracy: the nearest row is the positive", XLabel: "step"}
	rate := report.Curve{Name: "lr", Title: "Learning rate", XLabel: "step"}
	alignment := report.Curve{Name: "alignment", Title: "Alignment: mean squared distance of positives", XLabel: "step"}
	uniformity := report.Curve{Name: "uniformity", Title: "Uniformity: lower is more evenly spread", XLabel: "step"}
	rank := report.Curve{Name: "rank", XLabel: "step"}
	cosines := report.Curve{Name: "cosines", XLabel: "cosine", Label: "positives", OtherLabel: "negatives"}
	add := func(c *report.Curve, x, y float64) { c.Points = append(c.Points, report.Point{X: x, Y: y}) }
	for _, m := range metrics {
		x := float64(m.Step)
		if m.Monitor != nil {
			if v, ok := m.Monitor["knn_accuracy"]; ok {
				add(&knn, m.Epoch, v)
			}
			continue
		}
		if m.Diverged != "" {
			continue // there is no such step
		}
		add(&loss, x, m.Loss)
		add(&accuracy, x, m.Accuracy)
		add(&rate, x, m.LR)
		if p := m.Probe; p != nil {
			if p.Positives.Total() > 0 {
				add(&alignment, x, p.Alignment)
			}
			add(&uniformity, x, p.Uniformity)
			add(&rank, x, p.EffectiveRank)
			rank.Title = fmt.Sprintf("Effective rank, at most %d", p.MaxRank)
			cosines.Title = fmt.Sprintf("Cosines at step %d: share of pairs", m.Step)
			cosines.Points, cosines.Other = shares(p.Positives), shares(p.Negatives)
			if p.CollapsedLoss > 0 {
				loss.Reference, loss.ReferenceLabel = p.CollapsedLoss, "all embeddings equal"
			}
		}
	}
	curves := []report.Curve{loss}
	if len(knn.Points) > 0 {
		curves = append(curves, knn)
	}
	curves = append(curves, accuracy, rate)
	if len(rank.Points) > 0 { // else there was no doctor
		if len(alignment.Points) > 0 { // else there are no positives
			curves = append(curves, alignment)
		}
		curves = append(curves, uniformity, rank, cosines)
	}
	return curves
}

// shares are a histogram's counts as shares of all, at the middle of each bin.
func shares(h doctor.Histogram) (points []report.Point) {
	total := h.Total()
	width := (h.High - h.Low) / float64(max(1, len(h.Counts)))
	for i, n := range h.Counts {
		points = append(points, report.Point{X: h.Low + (float64(i)+0.5)*width, Y: float64(n) / float64(max(1, total))})
	}
	return points
}
