package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"alike/dataset"
	"alike/eval"
	"alike/internal/atomicfile"
	"alike/internal/registry"
)

// Run is a run directory:
//
//	config.yaml          resolved and complete
//	metrics.jsonl        one line a step, and one a monitored epoch
//	checkpoints/NNNNNN/  weights, optimiser state and checksums after step NNNNNN
//	tb/                  metrics.jsonl as TensorBoard's event files; views; the projector's files
//	scores.jsonl         every score with its protocol
//	outcomes/            what each query came to, for comparisons
//	bad-files.tsv        images that are left out and why, if there are any
//	report.html
type Run struct {
	Dir    string
	Config Config

	created bool // by Create, not opened
}

// The files of a run directory, besides its checkpoints.
func (r *Run) configPath() string  { return filepath.Join(r.Dir, "config.yaml") }
func (r *Run) metricsPath() string { return filepath.Join(r.Dir, "metrics.jsonl") }

func (r *Run) badFilesPath() string { return filepath.Join(r.Dir, "bad-files.tsv") }

// ScoresPath is the file that scores are appended to.
func (r *Run) ScoresPath() string { return filepath.Join(r.Dir, "scores.jsonl") }

// ReportPath is the file that the report is written to.
func (r *Run) ReportPath() string { return filepath.Join(r.Dir, "report.html") }

// WriteBadFiles lists what was skipped of the data, a name and a reason a line,
// in the place of an earlier list.
func (r *Run) WriteBadFiles(skipped []dataset.Skipped) error {
	path := r.badFilesPath()
	if len(skipped) == 0 {
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	b := []byte(badFilesHeader)
	for _, s := range skipped {
		b = append(b, badFileLine(s)...)
	}
	return atomicfile.Write(path, b)
}

// BadFiles is how many files the list has.
func (r *Run) BadFiles() (int, error) {
	list, err := os.ReadFile(r.badFilesPath())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return max(0, strings.Count(string(list), "\n")-1), err
}

const badFilesHeader = "name\treason\n"

func badFileLine(s dataset.Skipped) string {
	return fmt.Sprintf("%s\t%s\n", s.Name, strings.NewReplacer("\n", "; ", "\t", " ").Replace(s.Err.Error()))
}

// addBadFile adds a line to the list.
func (r *Run) addBadFile(s dataset.Skipped) error {
	path := r.badFilesPath()
	list, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		list, err = []byte(badFilesHeader), nil
	}
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(list, badFileLine(s)...))
}

func (r *Run) checkpointsDir() string { return filepath.Join(r.Dir, "checkpoints") }

// checkpointDir is the folder of the checkpoint after a step.
func (r *Run) checkpointDir(step int) string {
	return checkpointPath(r.checkpointsDir(), step)
}

// ErrNoCheckpoint marks a run that has not begun.
var ErrNoCheckpoint = errors.New("no checkpoint yet")

// Create makes a run directory for a resolved configuration. A folder that
// holds anything already is refused.
func Create(dir string, c Config) (*Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "config.yaml")); err == nil {
			return nil, fmt.Errorf("%s already holds a run: 'alike resume %s' goes on with it, --out takes another folder", dir, dir)
		}
		return nil, fmt.Errorf("%s is not empty: --out takes a new or an empty folder", dir)
	}
	r := &Run{Dir: dir, Config: c, created: true}
	if err := os.MkdirAll(r.checkpointsDir(), 0o755); err != nil {
		return nil, err
	}
	return r, c.Save(r.configPath())
}

// Open reads a run directory.
func Open(dir string) (*Run, error) {
	r := &Run{Dir: dir}
	document, err := os.ReadFile(r.configPath())
	if errors.Is(err, os.ErrNotExist) {
		why := "it has no config.yaml; of a folder of images, 'alike train simclr --data FOLDER' makes one"
		if _, err := os.Stat(dir); err != nil {
			why = "there is nothing of that name; 'alike train' makes runs"
		}
		return nil, fmt.Errorf("%s is not a run: %s", dir, why)
	}
	if err == nil {
		r.Config, err = parse(document, "", 0)
		err = registry.Locate(document, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.configPath(), err)
	}
	return r, nil
}

// Steps lists the checkpoints by step, the oldest first.
func (r *Run) Steps() ([]int, error) {
	steps, err := checkpointSteps(r.checkpointsDir())
	if err == nil && len(steps) == 0 {
		err = fmt.Errorf("%s has %w: train it first", r.Dir, ErrNoCheckpoint)
	}
	return steps, err
}

// State reads the state of the checkpoint after a step, and checks its files;
// a negative step is the last. A damaged checkpoint is named, with the one
// nearest whole one.
func (r *Run) State(step int) (State, error) {
	step, err := r.resolveStep(step)
	if err != nil {
		return State{}, err
	}
	s, err := readState(r.checkpointDir(step))
	return s, r.offer(step, err)
}

// resolveStep returns a step that has a checkpoint.
func (r *Run) resolveStep(step int) (int, error) {
	steps, err := r.Steps()
	if err != nil {
		return 0, err
	}
	if step < 0 {
		return steps[len(steps)-1], nil
	}
	if !slices.Contains(steps, step) {
		return 0, fmt.Errorf("%s has no checkpoint of step %d; it has those of steps %v", r.Dir, step, steps)
	}
	return step, nil
}

// offer adds to the error of a damaged checkpoint what is left to use.
func (r *Run) offer(step int, err error) error {
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	steps, _ := r.Steps()
	whole := func(other int) bool { return other != step && checkSums(r.checkpointDir(other)) == nil }
	for _, before := range slices.Backward(steps) {
		if before < step && whole(before) {
			return fmt.Errorf("%w; the checkpoint before it, of step %d, is whole: use --step %d", err, before, before)
		}
	}
	for _, after := range steps {
		if after > step && whole(after) {
			return fmt.Errorf("%w; no checkpoint before it is whole, that of step %d is: use --step %d", err, after, after)
		}
	}
	return fmt.Errorf("%w; no other checkpoint is whole: bring the files back from a copy, or train again", err)
}

// Discard removes a run that was just created and has no checkpoint yet, so that its folder can be
// used again. One that was there before stays, whatever it lacks.
func (r *Run) Discard() error {
	if !r.created {
		return nil
	}
	if steps, err := checkpointSteps(r.checkpointsDir()); err != nil || len(steps) > 0 {
		return err
	}
	for _, own := range []string{r.configPath(), r.checkpointsDir(), r.TensorBoardDir(), r.metricsPath(), r.ScoresPath(), eval.OutcomesDir(r.ScoresPath())} {
		if err := os.RemoveAll(own); err != nil {
			return err
		}
	}
	return os.Remove(r.Dir)
}

// DropAfter removes the checkpoints after a step, which must have a whole one.
func (r *Run) DropAfter(step int) error {
	if _, err := r.State(step); err != nil {
		return err
	}
	steps, err := r.Steps()
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s > step {
			if err := os.RemoveAll(r.checkpointDir(s)); err != nil {
				return err
			}
		}
	}
	return nil
}
