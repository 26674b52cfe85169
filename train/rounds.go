package train

import (
	"math"

	"alike/train/doctor"
)

// rounds makes of a run's lines, one after the other, the doctor's records.
type rounds struct {
	patient doctor.Patient
	records []doctor.Record

	steps           int // since the last record
	loss, accuracy  float64
	waited, seconds float64
	knn, chance     float64
	queries         int
}

func newRounds(c *Config) (*rounds, error) {
	p, err := c.build()
	return &rounds{patient: doctor.Patient{
		Method: c.Method.Name, Loss: c.Loss.Name, Supervised: p.method != nil && p.method.Supervised(),
		LR: c.Schedule.LR, HeadLR: c.Schedule.HeadLR, Sharpness: p.sharpness(),
	}}, err
}

// add says whether the line was one that the doctor looks at.
func (r *rounds) add(c *Config, m Metric) bool {
	if m.Monitor != nil {
		if knn, ok := m.Monitor[monitoredKNN]; ok {
			r.knn, r.chance, r.queries = knn, m.Monitor[monitoredChance], int(m.Monitor[monitoredQueries])
		}
		return false
	}
	if m.Diverged == "" {
		r.steps++
		r.loss, r.accuracy = r.loss+m.Loss, r.accuracy+m.Accuracy
		if m.ImagesPerS > 0 {
			took := 1 / m.ImagesPerS // up to a factor
			r.waited, r.seconds = r.waited+m.DataWait*took, r.seconds+took
		}
		if m.Epoch > 0 {
			epoch := float64(m.Step) / m.Epoch
			r.patient.Epoch, r.patient.Warmup = int(math.Round(epoch)), int(math.Round(epoch*c.Schedule.WarmupEpochs))
		}
	}
	if m.Probe == nil && m.Diverged == "" {
		return false
	}
	n := float64(max(1, r.steps))
	record := doctor.Record{
		Step: m.Step, Loss: r.loss / n, Accuracy: r.accuracy / n, LR: m.LR, Probe: m.Probe, Diverged: m.Diverged,
		KNN: r.knn, Chance: r.chance, Queries: r.queries,
	}
	if r.seconds > 0 {
		record.DataWait = r.waited / r.seconds
	}
	r.records = append(r.records, record)
	r.steps, r.loss, r.accuracy, r.waited, r.seconds = 0, 0, 0, 0, 0
	return true
}

// Diagnose says what ails a run, by the lines of its metrics.jsonl; nothing if it is well.
func Diagnose(c *Config, metrics []Metric) ([]doctor.Verdict, error) {
	r, err := newRounds(c)
	if err != nil {
		return nil, err
	}
	for _, m := range metrics {
		r.add(c, m)
	}
	return doctor.Diagnose(r.patient, r.records), nil
}
