package train

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"alike/dataset"
	"alike/sampler"
	"alike/train/doctor"
)

// Options are about the sitting, not the result: however they are set, the
// weights after a step are the same.
type Options struct {
	Steps       int           // stop after this step, 0 for the schedule's last
	MaxDuration time.Duration // stop after this time, 0 for no limit

	// Monitor, if set, measures the model before the first step, and then as
	// often as the run's configuration says; what it returns goes into metrics.jsonl. A
	// measurement that ctx ends is made when the run goes on.
	Monitor func(ctx context.Context, m *Model) (map[string]float64, error)

	// MaxBad is the share of images that may become unreadable while the run lasts; others
	// take their places. 0 stops at the first.
	MaxBad float64
	// Unreadable is how many files could not be read, at the beginning of the run or now: so many images more or less
	// than there were are not other images.
	Unreadable int
	// StepTime is about how long a step takes, as Plan measures it: how views are made is chosen
	// for it. 0 takes all CPUs.
	StepTime time.Duration

	// Verdict, if set, is told what ails the run, once for each illness, while it trains.
	Verdict func(doctor.Verdict)

	Progress func(Progress) // called after each step, may be nil
	Log      *slog.Logger
}

// Progress is where a run stands after a step.
type Progress struct {
	Step, Total int
	Metric      Metric
	Left        time.Duration // at the rate of this sitting
}

// ErrDiverged marks a run whose loss is no longer a number.
var ErrDiverged = errors.New("diverged")

// trainer is one sitting of a run.
type trainer struct {
	run     *Run
	opt     Options
	every   Sittings // with every default
	backend compute.Backend
	parts   parts
	store   *model.Store
	program *program
	loader  *loader
	log     *metricsLog
	events  *eventLog
	rounds  *rounds
	told    map[string]bool // illnesses
	state   State

	measured int // the step of the last line of a measurement, -1 if there is none

	collapsed float64                  // the loss of equal embeddings, 0 where that is not known
	spent     map[string]time.Duration // by what it was spent on, since the last probe

	start   time.Time     // of this sitting
	before  time.Duration // training time of earlier sittings
	first   int           // step that this sitting began at
	saved   int           // step of the last checkpoint
	savedAt time.Time     // when it was written, or this sitting began
	rest    time.Time     // until when there is no look that nobody asked for
	waiting time.Duration // for data, in this step
}

// Train trains the run to the end of its schedule, or to where opt stops it,
// from its last checkpoint if it has one. When ctx is done it stops after the
// current step and saves; the error is then ctx's cause.
func (r *Run) Train(ctx context.Context, b compute.Backend, data dataset.Dataset, opt Options) error {
	t, err := r.newTrainer(b, data, opt)
	if err != nil {
		return err
	}
	err = t.loop(ctx)
	if cerr := errors.Join(t.log.close(), t.events.close()); err == nil {
		err = cerr
	}
	return err
}

func (r *Run) newTrainer(b compute.Backend, data dataset.Dataset, opt Options) (*trainer, error) {
	if err := r.Config.Resolve(data.Len(), len(data.Classes())); err != nil {
		return nil, err
	}
	parts, err := r.Config.build()
	if err != nil {
		return nil, err
	}
	loader, err := r.Config.newLoader(data)
	if err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if pk, ok := loader.draws.(*sampler.PK); ok {
		opt.Log.Info("batches", slog.String("of", pk.String()))
	}
	t := &trainer{run: r, opt: opt, every: r.Config.Sittings.resolve(max(1, data.Len()/r.Config.Batch), r.Config.Schedule.Total()), backend: b, parts: parts, loader: loader}
	loader.place = placer(b, &r.Config)
	loader.unusable = (&unusable{run: r, data: data, maxBad: opt.MaxBad, log: opt.Log}).add
	if err := t.restore(); err != nil {
		return nil, err
	}
	before := t.state.Images
	changed, err := t.state.knowImages(data, opt.Unreadable)
	if err != nil {
		return nil, err
	}
	if changed {
		opt.Log.Warn("there are more or fewer images than before, some of which could not be read: from here on they come in another order",
			slog.Int("images", data.Len()), slog.Int("before", before))
	}
	if t.program, err = newProgram(b, t.store, &r.Config); err != nil {
		return nil, err
	}
	if t.collapsed, err = parts.collapsedLoss(b, &r.Config); err != nil {
		return nil, err
	}
	if t.log, err = openMetrics(r.metricsPath(), t.state.MetricsBytes); err != nil {
		return nil, err
	}
	return t, t.remember()
}

// remember goes through what earlier sittings wrote.
func (t *trainer) remember() (err error) {
	t.told, t.spent = map[string]bool{}, map[string]time.Duration{}
	if t.rounds, err = newRounds(&t.run.Config); err != nil {
		return err
	}
	metrics, err := t.run.Metrics()
	if err != nil {
		return err
	}
	t.measured = lastMeasured(metrics)
	for _, m := range metrics {
		t.rounds.add(&t.run.Config, m)
	}
	t.events, err = t.run.openEvents(metrics)
	return err
}

// restore puts the trainer where the last checkpoint is, or at the beginning.
func (t *trainer) restore() error {
	engine := t.run.Config.EngineVariant(t.backend)
	t.saved = -1
	t.state = State{Seed: t.run.Config.Seed, Total: t.run.Config.Schedule.Total()}
	steps, err := checkpointSteps(t.run.checkpointsDir())
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		t.state.Engine = engine
		t.store, err = t.run.Config.newStore(t.backend, t.opt.Log)
		return err
	}
	step := steps[len(steps)-1]
	t.store, t.state, err = loadCheckpoint(t.run.checkpointDir(step), true)
	if err != nil {
		return t.run.offer(step, err)
	}
	if t.state.Engine != engine {
		t.opt.Log.Warn("the engine is not the one that trained so far: the weights will differ in their last bits",
			slog.String("before", t.state.Engine), slog.String("now", engine))
		t.state.Engine = engine
	}
	t.saved, t.first = step, step
	t.before = time.Duration(t.state.Seconds * float64(time.Second))
	return nil
}

// last is the step that this sitting stops after.
func (t *trainer) last() int {
	if t.opt.Steps > 0 {
		return min(t.opt.Steps, t.state.Total)
	}
	return t.state.Total
}

func (t *trainer) loop(ctx context.Context) error {
	t.start = time.Now()
	t.savedAt = t.start
	if t.opt.StepTime > 0 {
		times, err := t.loader.measure(t.state.Step)
		if err != nil {
			return err
		}
		if len(times) > 0 {
			var why string
			t.loader.loading, why = choose(times, t.loader.images, t.opt.StepTime, runtime.GOMAXPROCS(0))
			t.opt.Log.Info("loading", slog.String("with", why))
		}
	}
	stop := t.loader.start(ctx, t.state.Step, t.last())
	defer stop()
	if t.state.Step == 0 {
		if err := t.initialise(); err != nil {
			return err
		}
	}
	if err := t.monitor(ctx); err != nil { // the first time, or since a sitting was stopped on the way
		return err
	}
	if err := t.save(); err != nil {
		return err
	}
	for t.state.Step < t.last() {
		if ctx.Err() != nil {
			return t.stopped(context.Cause(ctx))
		}
		if t.opt.MaxDuration > 0 && time.Since(t.start) >= t.opt.MaxDuration {
			break
		}
		if err := t.step(ctx); err != nil {
			return err
		}
	}
	return t.save()
}

func (t *trainer) stopped(cause error) error {
	if err := t.save(); err != nil {
		return err
	}
	return fmt.Errorf("stopped at step %d of %d, saved; 'alike resume %s' goes on: %w", t.state.Step, t.state.Total, t.run.Dir, cause)
}

// initialise draws the initial weights, without a step of training.
func (t *trainer) initialise() error {
	return t.store.InitializeVariables(t.backend, nil)
}

// step makes one update, and what is due after it.
func (t *trainer) step(ctx context.Context) error {
	began := time.Now()
	b, ok := t.loader.next()
	if !ok {
		return nil // ctx is done: the loop sees it
	}
	if b.err != nil {
		return errors.Join(b.err, t.save())
	}
	t.waiting = time.Since(began)
	t.spend(partData, began)
	m := Metric{LR: t.run.Config.Schedule.At(t.state.Step)}
	stats, err := t.update(b, &m)
	if err = errors.Join(err, b.inputs.finalize()); err != nil {
		return err
	}
	t.loader.recycle(b)
	for _, bad := range []float64{stats.Loss, stats.GradientNorm} {
		if math.IsNaN(bad) || math.IsInf(bad, 0) {
			return t.diverged(stats, m.LR)
		}
	}
	t.state.Step++
	if err := t.record(m, stats, time.Since(began)); err != nil {
		return err
	}
	if err := t.monitor(ctx); err != nil {
		return err
	}
	if t.checkpointDue() {
		return t.save()
	}
	return nil
}

// checkpointPause is the least time between checkpoints that nobody asked for: on a graphics
// card an epoch may take no longer than writing it down.
const checkpointPause = 30 * time.Second

func (t *trainer) checkpointDue() bool {
	asked := t.run.Config.Sittings.CheckpointEvery > 0
	return t.state.Step%t.every.CheckpointEvery == 0 && (asked || time.Since(t.savedAt) >= checkpointPause)
}

// lookShare is how many times longer than a look the pause after it is at least, unless looks
// at certain steps were asked for: on a graphics card a step may be shorter than a look, which copies the weights.
const lookShare = 50

// lookDue says whether the next step is looked at.
func (t *trainer) lookDue() bool {
	every, next := t.every.ProbeEvery, t.state.Step+1
	if every < 0 {
		return false
	}
	if next == 1 || next == t.state.Total {
		return true
	}
	asked := t.run.Config.Sittings.ProbeEvery > 0
	return next%every == 0 && (asked || time.Now().After(t.rest))
}

// update makes one update, and at some of them looks at it.
func (t *trainer) update(b batch, m *Metric) (Stats, error) {
	began := time.Now()
	done := float64(t.state.Step) / float64(t.state.Total)
	if !t.lookDue() {
		defer t.spend(partStep, began)
		return t.program.run(b.inputs, m.LR, done)
	}
	look, err := newProbe(t.program, t.store)
	if err != nil {
		return Stats{}, err
	}
	began = t.spend(partProbe, began)
	s, err := t.program.look(b.inputs, m.LR, done, true)
	began = t.spend(partStep, began)
	if err != nil {
		return s.Stats, err
	}
	m.Probe = &doctor.Probe{
		Embeddings:    t.parts.embeddings(&t.run.Config, s, b.labels),
		CollapsedLoss: t.collapsed,
		PeakMemory:    PeakMemory(),
	}
	m.Probe.Layers, err = look.layers(s)
	now := t.spend(partProbe, began)
	t.rest = now.Add(lookShare * t.spent[partProbe])
	m.Probe.Seconds = t.settle()
	return s.Stats, err
}

// What time is spent on.
const (
	partData       = "data" // waiting for it
	partStep       = "step"
	partProbe      = "probe"
	partMonitor    = "monitor"
	partCheckpoint = "checkpoint"
)

// spend books the time since began, and returns now.
func (t *trainer) spend(part string, began time.Time) time.Time {
	now := time.Now()
	t.spent[part] += now.Sub(began)
	return now
}

// settle is what was spent in seconds, and begins anew.
func (t *trainer) settle() map[string]float64 {
	seconds := map[string]float64{}
	for part, d := range t.spent {
		seconds[part] = d.Round(time.Microsecond).Seconds()
	}
	clear(t.spent)
	return seconds
}

// diverged ends a run whose loss or gradient is no longer a number.
func (t *trainer) diverged(s Stats, lr float64) error {
	bad := s.Loss
	if !math.IsNaN(bad) && !math.IsInf(bad, 0) {
		bad = s.GradientNorm
	}
	m := Metric{Step: t.state.Step, Epoch: t.epoch(), LR: lr, Seconds: t.seconds(), Diverged: fmt.Sprint(bad)}
	if err := t.write(m); err != nil {
		return err
	}
	why := doctor.Diagnose(t.rounds.patient, t.rounds.records)[0]
	return fmt.Errorf("the run has %w: %s; the checkpoint of step %d is good", ErrDiverged, why, t.saved)
}

// write appends a line, and lets the doctor look at it.
func (t *trainer) write(m Metric) error {
	if err := errors.Join(t.log.append(m), t.events.append(m)); err != nil {
		return err
	}
	if !t.rounds.add(&t.run.Config, m) || m.Diverged != "" || t.opt.Verdict == nil {
		return nil
	}
	for _, v := range doctor.Diagnose(t.rounds.patient, t.rounds.records) {
		if !t.told[v.Illness] {
			t.told[v.Illness] = true
			t.opt.Verdict(v)
		}
	}
	return nil
}

// seconds is the training time over all sittings.
func (t *trainer) seconds() float64 { return (t.before + time.Since(t.start)).Seconds() }

func (t *trainer) epoch() float64 {
	return float64(t.state.Step) * float64(t.run.Config.Batch) / float64(t.loader.data.Len())
}

// record writes the step's line and tells how far the run is.
func (t *trainer) record(m Metric, s Stats, took time.Duration) error {
	m.Step, m.Epoch, m.Seconds = t.state.Step, t.epoch(), t.seconds()
	m.Loss, m.Accuracy, m.GradientNorm = s.Loss, s.Accuracy, s.GradientNorm
	m.ImagesPerS = float64(len(t.loader.views)*t.loader.images) / took.Seconds()
	m.DataWait = t.waiting.Seconds() / took.Seconds()
	if t.opt.Progress != nil {
		done := t.state.Step - t.first
		left := time.Duration(float64(time.Since(t.start)) / float64(done) * float64(t.last()-t.state.Step))
		t.opt.Progress(Progress{t.state.Step, t.last(), m, left})
	}
	return t.write(m)
}

// monitorDue says whether the model is to be measured at this step, and was not.
func (t *trainer) monitorDue() bool {
	every := t.every.MonitorEvery
	return t.opt.Monitor != nil && every > 0 && (t.state.Step%every == 0 || t.state.Step == t.last()) && t.measured != t.state.Step
}

// monitor measures the model as it is, if that is due, and writes what came out.
func (t *trainer) monitor(ctx context.Context) error {
	if !t.monitorDue() {
		return nil
	}
	defer t.spend(partMonitor, time.Now())
	m, err := newModel(t.backend, t.store, &t.run.Config, t.state)
	if err != nil {
		return err
	}
	defer m.close()
	values, err := t.opt.Monitor(ctx, m)
	if err != nil && ctx.Err() != nil {
		return t.stopped(context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	t.measured = t.state.Step
	return t.write(Metric{Step: t.state.Step, Epoch: t.epoch(), Seconds: t.seconds(), Monitor: values})
}

// save writes a checkpoint of the current step, if there is none yet.
func (t *trainer) save() error {
	if t.saved == t.state.Step {
		return nil
	}
	defer t.spend(partCheckpoint, time.Now())
	if err := t.log.sync(); err != nil {
		return err
	}
	t.state.MetricsBytes, t.state.Seconds = t.log.size, t.seconds()
	state, err := writeCheckpoint(t.run.checkpointsDir(), t.store, t.state)
	if err != nil {
		if free, ferr := freeBytes(t.run.Dir); ferr == nil && free < 1<<20 {
			return fmt.Errorf("%w: the disk that holds %s is full; the checkpoint of step %d is good: free some space and 'alike resume %s'", err, t.run.Dir, t.saved, t.run.Dir)
		}
		return err
	}
	t.state, t.saved, t.savedAt = state, t.state.Step, time.Now()
	return prune(t.run.checkpointsDir(), t.every.Keep)
}
