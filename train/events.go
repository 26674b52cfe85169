package train

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"alike/internal/atomicfile"
	"alike/internal/tensorboard"
	"alike/train/doctor"
)

// TensorBoardDir is the folder of the run that TensorBoard reads.
func (r *Run) TensorBoardDir() string { return filepath.Join(r.Dir, "tb") }

// The event files. TensorBoard reads them in the order of their names and does not return to
// one: what is written while training comes last.
const (
	viewsEvents = "events.out.tfevents.0.views"
	stepsEvents = "events.out.tfevents.1.steps"
)

// eventLog writes the lines of metrics.jsonl as events. It holds nothing that they do
// not: a sitting writes the file anew from them, so that no step is in it twice. The bytes are
// those of before, and a TensorBoard that watches reads on.
type eventLog struct {
	file  *os.File
	buf   *bufio.Writer
	began float64 // when the run was made, in seconds since 1970
}

func (r *Run) openEvents(metrics []Metric) (l *eventLog, err error) {
	info, err := os.Stat(r.configPath())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.TensorBoardDir(), 0o755); err != nil {
		return nil, err
	}
	l = &eventLog{began: float64(info.ModTime().UnixMilli()) / 1000}
	if l.file, err = os.Create(filepath.Join(r.TensorBoardDir(), stepsEvents)); err != nil {
		return nil, err
	}
	l.buf = bufio.NewWriter(l.file)
	err = tensorboard.WriteVersion(l.buf, l.began)
	for _, m := range metrics {
		err = errors.Join(err, l.append(m))
	}
	return l, err
}

// append writes what a line says; what the doctor saw is on disk at once.
func (l *eventLog) append(m Metric) error {
	values := m.values()
	if len(values) == 0 {
		return nil
	}
	err := tensorboard.Event{Time: l.began + m.Seconds, Step: m.Step, Values: values}.Write(l.buf)
	if m.Probe != nil || m.Monitor != nil {
		err = errors.Join(err, l.buf.Flush())
	}
	return err
}

func (l *eventLog) close() error {
	return errors.Join(l.buf.Flush(), l.file.Close())
}

// values are a line's numbers under TensorBoard's tags: a group, a slash and a name.
func (m Metric) values() (vs []tensorboard.Value) {
	scalar := func(tag string, x float64) { vs = append(vs, tensorboard.Scalar(tag, x)) }
	for _, name := range slices.Sorted(maps.Keys(m.Monitor)) {
		if name != monitoredQueries {
			scalar("monitor/"+name, m.Monitor[name])
		}
	}
	if m.Monitor != nil || m.Diverged != "" {
		return vs
	}
	scalar("train/loss", m.Loss)
	scalar("train/contrastive_accuracy", m.Accuracy)
	scalar("train/lr", m.LR)
	scalar("train/gradient_norm", m.GradientNorm)
	scalar("train/epoch", m.Epoch)
	scalar("speed/images_per_s", m.ImagesPerS)
	scalar("speed/data_wait", m.DataWait)
	p := m.Probe
	if p == nil {
		return vs
	}
	if p.Positives.Total() > 0 {
		scalar("embeddings/alignment", p.Alignment)
		scalar("embeddings/positive_similarity", p.PositiveSimilarity)
		scalar("embeddings/hard_negatives", p.HardNegatives)
	}
	scalar("embeddings/uniformity", p.Uniformity)
	scalar("embeddings/effective_rank", p.EffectiveRank)
	scalar("embeddings/negative_similarity", p.NegativeSimilarity)
	if p.Competitors > 0 {
		scalar("embeddings/competitors", p.Competitors)
	}
	if p.CollapsedLoss > 0 {
		scalar("train/loss_below_collapsed", p.CollapsedLoss-m.Loss)
	}
	for _, h := range []struct {
		tag string
		doctor.Histogram
	}{{"positives", p.Positives}, {"negatives", p.Negatives}, {"deviations", p.Deviations}} {
		vs = append(vs, tensorboard.Histogram("embeddings/"+h.tag, h.Edges(), h.Counts))
	}
	for _, l := range p.Layers {
		scalar("gradient/"+l.Name, l.Gradient)
		scalar("weight/"+l.Name, l.Weight)
		scalar("moved/"+l.Name, l.Moved())
		if l.Units > 0 {
			scalar("dead/"+l.Name, l.Dead)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(p.Seconds)) {
		scalar("seconds/"+part, p.Seconds[part])
	}
	return vs
}

// WriteViews gives TensorBoard a picture of the views, a PNG.
func (r *Run) WriteViews(picture []byte) error {
	size, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("picture of views: %w", err)
	}
	info, err := os.Stat(r.configPath())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.TensorBoardDir(), 0o755); err != nil {
		return err
	}
	began := float64(info.ModTime().UnixMilli()) / 1000
	var b bytes.Buffer
	e := tensorboard.Event{Time: began, Values: []tensorboard.Value{tensorboard.Image("views", picture, size.Width, size.Height)}}
	if err := errors.Join(tensorboard.WriteVersion(&b, began), e.Write(&b)); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(r.TensorBoardDir(), viewsEvents), b.Bytes())
}
