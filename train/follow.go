package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Follower reads a run's metrics.jsonl while it grows.
type Follower struct {
	path    string
	written time.Time
	read    int64  // bytes that are done with
	last    []byte // the last line of them
	all     []Metric
}

// Follow begins to read the run's metrics.
func (r *Run) Follow() *Follower { return &Follower{path: r.metricsPath()} }

// Metrics returns the lines that are whole by now, the oldest first. It reads what is new since it
// was called last. A run that goes on from an earlier checkpoint has lines fewer than before.
func (f *Follower) Metrics() ([]Metric, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !f.grown(file) {
		*f = Follower{path: f.path}
	}
	f.written = info.ModTime()
	if _, err := file.Seek(f.read, io.SeekStart); err != nil {
		return nil, err
	}
	fresh, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	for {
		line, rest, whole := bytes.Cut(fresh, []byte("\n"))
		if !whole {
			f.last = bytes.Clone(f.last)
			return f.all, nil
		}
		var m Metric
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", f.path, len(f.all)+1, err)
		}
		f.all, f.last, f.read, fresh = append(f.all, m), line, f.read+int64(len(line))+1, rest
	}
}

// Written is when the metrics were written last, as Metrics found it.
func (f *Follower) Written() time.Time { return f.written }

// grown says whether what was read is still there, with more behind it or not.
func (f *Follower) grown(file io.ReaderAt) bool {
	if f.read == 0 {
		return true
	}
	line := make([]byte, len(f.last)+1)
	_, err := file.ReadAt(line, f.read-int64(len(line)))
	return err == nil && bytes.Equal(line, append(f.last[:len(f.last):len(f.last)], '\n'))
}
