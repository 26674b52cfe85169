package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"alike/dataset"
	"alike/internal/atomicfile"
	"alike/method"
	"alike/optimize"
)

// formatVersion is that of the files of a checkpoint; a reader knows all up to
// its own.
const formatVersion = 1

// The files of a checkpoint.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	methodFile    = "method.safetensors" // where a method learns or remembers something of its own
	stateFile     = "state.json"
	sumsFile      = "SHA256SUMS"
)

// requiredFiles are in every checkpoint, beside their checksums.
var requiredFiles = []string{modelFile, optimizerFile, stateFile}

// methodPath is the scope of what a method learns or remembers.
const methodPath = "/" + method.Scope

// State is what a checkpoint knows besides tensors.
type State struct {
	Version       int     `json:"version"`
	Step          int     `json:"step"`  // updates made
	Total         int     `json:"total"` // updates of the whole schedule
	Seed          uint64  `json:"seed"`
	Engine        string  `json:"engine"` // backend and variant that trained it
	WeightsSHA256 string  `json:"weights_sha256"`
	MetricsBytes  int64   `json:"metrics_bytes"` // length of metrics.jsonl at this step
	Seconds       float64 `json:"seconds"`       // of training so far

	// What is trained on, since the order of the images is drawn from their number. Checkpoints of
	// before there were these have 0 and "".
	Images       int    `json:"images,omitempty"`
	ImagesSHA256 string `json:"images_sha256,omitempty"` // of each image's name and label, in order
}

// ErrDamaged marks a file that is not what was written.
var ErrDamaged = errors.New("damaged")

// writeCheckpoint writes the store as dir/NNNNNN: beside it, synced, renamed.
func writeCheckpoint(dir string, store *model.Store, s State) (State, error) {
	weights, err := collect(store, "")
	if err != nil {
		return s, err
	}
	state, err := collect(store, optimize.StatePath)
	if err != nil {
		return s, err
	}
	memory, err := collect(store, methodPath)
	if err != nil {
		return s, err
	}
	files := slices.Clone(requiredFiles)
	if len(memory) > 0 {
		files = append(files, methodFile)
	}
	s.Version, s.WeightsSHA256 = formatVersion, weightsSHA256(weights)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return s, err
	}
	tmp, err := os.MkdirTemp(dir, ".writing-*")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(tmp) // gone once it is renamed
	target := checkpointPath(dir, s.Step)
	for _, do := range []func() error{
		func() error { return os.Chmod(tmp, 0o755) },
		func() error {
			return writeTensors(filepath.Join(tmp, modelFile), weights, map[string]string{"format": "pt", "weights_sha256": s.WeightsSHA256})
		},
		func() error { return writeTensors(filepath.Join(tmp, optimizerFile), state, nil) },
		func() error {
			if len(memory) == 0 {
				return nil
			}
			return writeTensors(filepath.Join(tmp, methodFile), memory, nil)
		},
		func() error { return writeJSON(filepath.Join(tmp, stateFile), s) },
		func() error { return writeSums(tmp, files) },
		func() error { return atomicfile.SyncDir(tmp) },
		func() error { return os.RemoveAll(target) }, // a damaged one of the same step
		func() error { return atomicfile.Rename(tmp, target) },
	} {
		if err := do(); err != nil {
			return s, fmt.Errorf("checkpoint of step %d: %w", s.Step, err)
		}
	}
	return s, nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(b, '\n'))
}

// writeSums writes the checksums of files of a folder, in the form of sha256sum.
func writeSums(dir string, files []string) error {
	var b strings.Builder
	for _, name := range files {
		sum, err := fileSHA256(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", sum, name)
	}
	return atomicfile.Write(filepath.Join(dir, sumsFile), []byte(b.String()))
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkSums compares a checkpoint's files with their checksums; the error
// names the first that differs and is ErrDamaged.
func checkSums(dir string) error {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("the checkpoint %s is %w: %s", dir, ErrDamaged, fmt.Sprintf(format, args...))
	}
	sums, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if errors.Is(err, os.ErrNotExist) {
		return damaged("%s is missing", sumsFile)
	}
	if err != nil {
		return err
	}
	want := map[string]string{}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		want[name] = sum
	}
	files := slices.Clone(requiredFiles)
	if want[methodFile] != "" {
		files = append(files, methodFile)
	}
	for _, name := range files {
		got, err := fileSHA256(filepath.Join(dir, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return damaged("%s is missing", name)
		case err != nil:
			return err
		case want[name] == "":
			return damaged("%s has no line for %s", sumsFile, name)
		case got != want[name]:
			return damaged("%s is not the file that %s was written for, one of the two has changed", name, sumsFile)
		}
	}
	return nil
}

// readState reads and checks a checkpoint without its tensors.
func readState(dir string) (State, error) {
	var s State
	if err := checkSums(dir); err != nil {
		return s, err
	}
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Version > formatVersion {
		return s, fmt.Errorf("%s has format version %d, this alike reads up to %d: it needs a newer alike", dir, s.Version, formatVersion)
	}
	return s, nil
}

// loadCheckpoint reads the weights, and with state the optimiser's and the method's, into a
// store of their own.
func loadCheckpoint(dir string, state bool) (*model.Store, State, error) {
	s, err := readState(dir)
	if err != nil {
		return nil, s, err
	}
	store := model.NewStore()
	weights, err := readTensors(filepath.Join(dir, modelFile))
	if err == nil {
		err = restore(store, "", weights)
	}
	if err == nil && state {
		var opt map[string]blob
		if opt, err = readTensors(filepath.Join(dir, optimizerFile)); err == nil {
			err = restore(store, optimize.StatePath, opt)
		}
	}
	path := filepath.Join(dir, methodFile)
	if _, missing := os.Stat(path); err == nil && state && missing == nil {
		var memory map[string]blob
		if memory, err = readTensors(path); err == nil {
			err = restore(store, methodPath, memory)
		}
	}
	if err != nil {
		return nil, s, fmt.Errorf("checkpoint %s: %w", dir, err)
	}
	return store, s, nil
}

// checkpointPath is the folder of the checkpoint of a step.
func checkpointPath(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("%06d", step))
}

// imagesSHA256 identifies images by their names and labels, in order, wherever they lie. Nothing is decoded.
func imagesSHA256(data dataset.Dataset) string {
	h := sha256.New()
	var line []byte
	for i := range data.Len() {
		line = append(line[:0], path.Base(data.ID(i))...)
		line = append(line, 0)
		line = strconv.AppendInt(line, int64(data.Label(i)), 10)
		h.Write(append(line, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// knowImages notes the images in a state that knows of none, and refuses others than those that it knows. As many more or
// less as there are unreadable files may have become so, or no longer be: they are noted, and changed is true.
func (s *State) knowImages(data dataset.Dataset, unreadable int) (changed bool, err error) {
	sum, more := imagesSHA256(data), data.Len()-s.Images
	switch {
	case sum == s.ImagesSHA256:
		return false, nil
	case s.ImagesSHA256 == "":
	case more != 0 && max(more, -more) <= unreadable:
		changed = true
	default:
		return false, fmt.Errorf("%s has %d images (hash of their names and labels %.12s), the run was trained on %d (%.12s): bring those back, say where they are with --data, or begin a new run with its weights, 'alike train --init'",
			data.Name(), data.Len(), sum, s.Images, s.ImagesSHA256)
	}
	s.Images, s.ImagesSHA256 = data.Len(), sum
	return changed, nil
}

// CheckImages refuses other images than those that the checkpoint was trained on, as Train does with as many Unreadable. One
// of before they were noted takes any.
func (s State) CheckImages(data dataset.Dataset, unreadable int) error {
	_, err := s.knowImages(data, unreadable)
	return err
}

// checkpointSteps lists the steps of the checkpoints in dir, in order.
func checkpointSteps(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() {
			steps = append(steps, n)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// prune removes the oldest checkpoints beyond keep, and what a killed trainer
// left half written.
func prune(dir string, keep int) error {
	steps, err := checkpointSteps(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, step := range steps[:max(0, len(steps)-keep)] {
		errs = append(errs, os.RemoveAll(checkpointPath(dir, step)))
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".writing-*"))
	for _, path := range left {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
