package train

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"

	"alike/train/doctor"
)

// Metric is one line of metrics.jsonl: a step, or with Monitor set what was
// measured after it.
type Metric struct {
	Step         int                `json:"step"` // updates made
	Epoch        float64            `json:"epoch"`
	Loss         float64            `json:"loss,omitempty"`
	Accuracy     float64            `json:"contrastive_accuracy,omitempty"`
	LR           float64            `json:"lr"`
	GradientNorm float64            `json:"gradient_norm,omitempty"`
	ImagesPerS   float64            `json:"images_per_s,omitempty"`
	DataWait     float64            `json:"data_wait,omitempty"` // share of the step's time
	Seconds      float64            `json:"seconds"`             // of training, over all sittings
	Monitor      map[string]float64 `json:"monitor,omitempty"`
	Probe        *doctor.Probe      `json:"probe,omitempty"`    // what the doctor saw at some steps
	Diverged     string             `json:"diverged,omitempty"` // the loss of the step after, no number, which ended the run
}

// What a monitor may measure that the doctor understands.
const (
	monitoredKNN     = "knn_accuracy"
	monitoredChance  = "knn_chance"  // accuracy of naming the most frequent class
	monitoredQueries = "knn_queries" // how many images the accuracy is of
)

// metricsLog appends lines to metrics.jsonl, each of which others see at once.
type metricsLog struct {
	file *os.File
	size int64
}

// openMetrics opens the file and cuts it back to size bytes, its length at the
// checkpoint that training goes on from, so that no step is in it twice.
func openMetrics(path string, size int64) (*metricsLog, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err = f.Truncate(size); err == nil {
		_, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &metricsLog{f, size}, nil
}

func (l *metricsLog) append(m Metric) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	n, err := l.file.Write(append(b, '\n'))
	l.size += int64(n)
	return err
}

// sync makes all lines durable.
func (l *metricsLog) sync() error { return l.file.Sync() }

func (l *metricsLog) close() error { return l.file.Close() }

// Metrics reads the run's metrics.jsonl. A last line that a killed trainer
// left incomplete is not counted.
func (r *Run) Metrics() ([]Metric, error) { return r.Follow().Metrics() }

// lastMeasured is the step of the last line that a monitor wrote, -1 if there is none.
func lastMeasured(metrics []Metric) int {
	for _, m := range slices.Backward(metrics) {
		if m.Monitor != nil {
			return m.Step
		}
	}
	return -1
}

// Unmeasured says whether a run that is measured now and then was stopped before it was at its last step, which Train
// makes up for.
func (r *Run) Unmeasured(last int) (bool, error) {
	metrics, err := r.Metrics()
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	step := lastMeasured(metrics)
	return step >= 0 && step != last && r.Config.Sittings.MonitorEvery >= 0, err
}
