package reproduce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"alike/eval"
	"alike/internal/atomicfile"
	"alike/train"
)

// Lab trains and measures by alike's own commands, and remembers: what is done
// is never done again, and training that was stopped goes on where it was.
type Lab struct {
	// Dir holds a run directory NAME and a record NAME.json for each run.
	Dir string
	// Alike runs a command line and returns what it prints.
	Alike func(ctx context.Context, args ...string) ([]byte, error)
}

// Record is what is known of a run. It is written before the run begins, after
// it has ended, and after each measurement.
type Record struct {
	Train   []string                `json:"train"` // arguments of 'alike train'
	Done    bool                    `json:"done"`
	Failed  string                  `json:"failed,omitempty"` // why it ended without a result, for good
	Seconds float64                 `json:"seconds"`          // of training and measuring
	Weights string                  `json:"weights_sha256"`   // of the last checkpoint
	Loss    []float64               `json:"loss"`             // after each step
	Scores  map[string][]eval.Score `json:"scores"`           // by the arguments of 'alike eval'
}

// Of are the scores of a measurement, by the arguments of 'alike eval'; false if it has not been made.
func (r *Record) Of(args []string) ([]eval.Score, bool) {
	scores, ok := r.Scores[keyOf(args)]
	return scores, ok
}

// misses says whether a measurement has not been made.
func (r *Record) misses(args []string) bool { _, ok := r.Of(args); return !ok }

func keyOf(args []string) string { return strings.Join(args, " ") }

// Run trains with the arguments of 'alike train' and measures with those of each 'alike
// eval', to which the run's directory is added. Other arguments under the
// same name are another run, which takes the place of the old one. A run that diverged is a
// result: it has failed, and is not tried again.
func (l *Lab) Run(ctx context.Context, name string, training []string, evals ...[]string) (*Record, error) {
	r, err := l.Record(name)
	if err != nil {
		return nil, err
	}
	arguments := l.portable(training)
	anew := r == nil || !slices.Equal(l.portable(r.Train), arguments)
	if !anew && r.Done && slices.ContainsFunc(evals, r.misses) {
		kept, err := l.hasWeights(name) // someone may have made room on the disk
		if err != nil {
			return nil, err
		}
		anew = !kept
	}
	if anew {
		if err := os.RemoveAll(l.RunDir(name)); err != nil {
			return nil, err
		}
		r = &Record{Train: arguments}
		if err := l.save(name, r); err != nil {
			return nil, err
		}
	}
	if !r.Done && r.Failed == "" {
		if err := l.timed(name, r, func() error { return l.train(ctx, name, training, r) }); err != nil {
			return nil, err
		}
	}
	if r.Failed != "" {
		return r, nil
	}
	for _, args := range evals {
		if !r.misses(args) {
			continue
		}
		err := l.timed(name, r, func() error {
			text, err := l.Alike(ctx, slices.Concat([]string{"eval", args[0], l.RunDir(name)}, args[1:], []string{"--json", "-q"})...)
			if err != nil {
				return err
			}
			if r.Scores == nil {
				r.Scores = map[string][]eval.Score{}
			}
			r.Scores[keyOf(args)], err = scoresOf(text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// portable are arguments in which files of the lab are without its folder, which may be called
// another way or be moved.
func (l *Lab) portable(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if filepath.Dir(arg) == absolute(l.Dir) {
			args[i] = filepath.Base(arg)
		}
	}
	return args
}

// absolute is the absolute path of a file.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// nameOf names a run by its method and a hash of its arguments, so that claims share runs.
func (l *Lab) nameOf(training []string) string {
	sum := sha256.Sum256([]byte(strings.Join(l.portable(training), "\x00")))
	return training[0] + "-" + hex.EncodeToString(sum[:4])
}

// RunDir is the directory of a run.
func (l *Lab) RunDir(name string) string { return filepath.Join(l.Dir, name) }

// hasWeights says whether a run has a checkpoint.
func (l *Lab) hasWeights(name string) (bool, error) {
	_, err := (&train.Run{Dir: l.RunDir(name)}).Steps()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, train.ErrNoCheckpoint) {
		return false, nil
	}
	return err == nil, err
}

// take takes a run, or a file, for this process, so that several may share the work: atomicfile.ErrTaken if
// another has it. It is held until the lock is closed.
func (l *Lab) take(name string) (*os.File, error) {
	locks := filepath.Join(l.Dir, "locks")
	if err := os.MkdirAll(locks, 0o755); err != nil {
		return nil, err
	}
	return atomicfile.Take(filepath.Join(locks, name))
}

// await is take of what another process has for a while only.
func (l *Lab) await(ctx context.Context, name string) (*os.File, error) {
	for {
		lock, err := l.take(name)
		if !errors.Is(err, atomicfile.ErrTaken) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Record is that of a run, nil if it was never begun.
func (l *Lab) Record(name string) (*Record, error) {
	file := l.RunDir(name) + ".json"
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s is no record of a run (%w): remove it, and the run is done again", file, err)
	}
	return &r, nil
}

func (l *Lab) save(name string, r *Record) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.Dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(l.RunDir(name)+".json", text)
}

// timed does a part of a run, adds its time and saves the record.
func (l *Lab) timed(name string, r *Record, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return err
	}
	r.Seconds += time.Since(start).Seconds()
	return l.save(name, r)
}

// train trains to the end, from the last checkpoint if there is one.
func (l *Lab) train(ctx context.Context, name string, training []string, r *Record) error {
	dir := l.RunDir(name)
	command := slices.Concat([]string{"train"}, training, []string{"--out", dir, "-q", "--report=false"})
	if kept, err := l.hasWeights(name); err != nil {
		return err
	} else if kept {
		command = []string{"resume", dir, "-q", "--report=false"}
	} else if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if _, err := l.Alike(ctx, command...); err != nil {
		if ctx.Err() == nil && strings.Contains(err.Error(), train.ErrDiverged.Error()) {
			r.Failed = err.Error()
			return nil
		}
		return err
	}
	run, err := train.Open(dir)
	if err != nil {
		return err
	}
	state, err := run.State(-1)
	if err != nil {
		return err
	}
	metrics, err := run.Metrics()
	if err != nil {
		return err
	}
	for _, m := range metrics {
		if m.Monitor == nil {
			r.Loss = append(r.Loss, m.Loss)
		}
	}
	r.Weights, r.Done = state.WeightsSHA256, true
	return nil
}

// scoresOf reads what 'alike eval --json' prints: a score, or several.
func scoresOf(text []byte) ([]eval.Score, error) {
	var several struct {
		Scores []eval.Score `json:"scores"`
	}
	if err := json.Unmarshal(text, &several); err != nil || several.Scores != nil {
		return several.Scores, err
	}
	var one eval.Score
	err := json.Unmarshal(text, &one)
	return []eval.Score{one}, err
}
