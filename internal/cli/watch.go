package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"alike/explore"
	"alike/index"
	"alike/pretrained"
	"alike/train"
)

// watcher looks at a run while it trains, or after.
type watcher struct {
	mu     sync.Mutex
	run    *train.Run
	follow *train.Follower
	total  int // steps of the schedule, -1 before a checkpoint says so
	last   explore.Training
}

// watch is how the training of a run goes, or of that which made an index; nil if the run is gone.
func watch(name string) (func() (explore.Training, error), error) {
	if err := present(name); err != nil {
		return nil, err
	}
	if pretrained.Is(name) {
		return nil, nil
	}
	dir := name
	if index.Is(name) {
		about, err := index.ReadAbout(name)
		if err != nil {
			return nil, err
		}
		dir = about.Model.Name
	}
	run, err := train.Open(dir)
	if err != nil && index.Is(name) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w := &watcher{run: run, follow: run.Follow(), total: -1}
	return w.look, nil
}

// look reads what is new.
func (w *watcher) look() (explore.Training, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	metrics, err := w.follow.Metrics()
	if errors.Is(err, fs.ErrNotExist) {
		metrics, err = nil, nil
	}
	if err != nil {
		return explore.Training{}, err
	}
	if w.total < 0 {
		state, err := w.run.State(-1)
		if err != nil && !errors.Is(err, train.ErrNoCheckpoint) {
			return explore.Training{}, err
		}
		if err == nil {
			w.total = state.Total
		}
	}
	version := "0"
	if n := len(metrics); n > 0 {
		version = fmt.Sprintf("%d-%g", n, metrics[n-1].Seconds)
	}
	t := w.last
	if version != t.Version {
		h, err := examine(&w.run.Config, metrics)
		if err != nil {
			return t, err
		}
		c := w.run.Config
		t = explore.Training{
			Version: version, Name: filepath.Base(w.run.Dir), Title: fmt.Sprintf("%s with %s", c.Method.Name, c.Encoder.Name), Data: c.Data,
			Verdicts: h.verdicts, Looked: h.probe != nil, Curves: curvesOf(metrics),
		}
		w.last = t
	}
	t.Total = max(0, w.total)
	t.Step, t.State, t.Going = standing(metrics, w.total, time.Since(w.follow.Written()), w.run.Dir)
	return t, nil
}

// quiet is for how long a run that goes on may write nothing, unless its steps take longer.
const quiet = time.Minute

// standing says how far a run is whose metrics were written that long ago; its total is -1 where
// that is not known.
func standing(metrics []train.Metric, total int, age time.Duration, dir string) (step int, state string, going bool) {
	steps := slices.DeleteFunc(slices.Clone(metrics), func(m train.Metric) bool { return m.Monitor != nil })
	if len(steps) == 0 && total == 0 {
		return 0, "An untrained run: it has no steps to make.", false
	}
	if len(steps) == 0 {
		return 0, "No step is done yet: the network is being prepared.", true
	}
	last := steps[len(steps)-1]
	took := time.Duration(last.Seconds * float64(time.Second)).Round(time.Second)
	if last.Diverged != "" {
		return last.Step, fmt.Sprintf("The run ended after step %d: the loss of the next was %s.", last.Step, last.Diverged), false
	}
	if total > 0 && last.Step >= total {
		return last.Step, fmt.Sprintf("All %d steps are done, in %s.", total, took), false
	}
	of := fmt.Sprintf("step %d", last.Step)
	if total > 0 {
		of += fmt.Sprintf(" of %d", total)
	}
	before := steps[max(0, len(steps)-50)]
	pace := time.Duration((last.Seconds - before.Seconds) / float64(max(1, last.Step-before.Step)) * float64(time.Second))
	if age > max(quiet, 10*pace) {
		return last.Step, fmt.Sprintf("It has come to %s and written nothing for %s: if it was stopped, 'alike resume %s' goes on.", of, age.Round(time.Second), dir), false
	}
	parts := []string{"Training: " + of, fmt.Sprintf("epoch %.2f", last.Epoch), fmt.Sprintf("%.0f images/s", last.ImagesPerS)}
	if total > 0 && pace > 0 {
		parts = append(parts, fmt.Sprintf("about %s left", (time.Duration(total-last.Step)*pace).Round(time.Second)))
	}
	return last.Step, strings.Join(parts, ", ") + ".", true
}
